// Self-tests of what works row by row or element by element: norms, sums, beginnings of products, positions, SwiGLU, picked rows.

import { backward, copy, giveGrad, gradOf, onBackward, type Program, temp } from '../../gpu/program.ts';
import { again, whenThere } from '../../gpu/recompute.ts';
import { columns, resident, rowsOf, type Tensor } from '../../gpu/tensor.ts';
import { rope, ropeTable } from '../../ops/attention/rope.ts';
import { addInto, fill } from '../../ops/elementwise/fill.ts';
import { swiglu } from '../../ops/elementwise/swiglu.ts';
import { gatherRows } from '../../ops/loss/gather.ts';
import { columnSum, valuesOf } from '../../ops/norm/columnsum.ts';
import { qkNorm } from '../../ops/norm/qknorm.ts';
import { rmsnorm } from '../../ops/norm/rmsnorm.ts';
import type { Vector } from '../../ops/stored/weight.ts';
import { type Check, given, near, noise, noisy, zeros } from './check.ts';
import { columnsF64, each, type Numbers } from './f64.ts';

/** Row lengths: read four floats at a time, and one. */
const LENGTHS = { 'by 4': 260, 'by 1': 67 };
/** Relative error of a few hundred f32 operations on numbers below one, with room. */
const CLOSE = 1e-5;

export function rowChecks(): Check[] {
  const rows = Object.entries(LENGTHS).flatMap(([by, cols]) => [
    norming(by, cols),
    normingHeads(by, cols, false),
    normingHeads(by, cols, true),
    summing(by, cols),
    ...[0, 1, 2, 3].map((from) => filling(by, cols, from)),
    picking(by, cols),
  ]);
  return [
    ...rows,
    { name: 'add', make: adding },
    { name: 'rope', make: turning },
    { name: 'swiglu', make: gating },
    { name: 'swiglu of columns', make: gatingColumns },
  ];
}

const vector = (value: Tensor, grad: Tensor | null = null): Vector => ({ name: value.name, value, grad });

// --- norms --------------------------------------------------------------------------------------------------------------

/** y, the same made again, dx and dw. */
function normF64(x: Numbers, w: Numbers, dy: Numbers, D: number, eps: number) {
  const [y, dx] = [new Float64Array(x.length), new Float64Array(x.length)];
  const dw = new Float64Array(D);
  for (let at = 0; at < x.length; at += D) {
    let [squares, along] = [0, 0];
    for (let d = 0; d < D; d++) squares += x[at + d] ** 2;
    const inv = 1 / Math.sqrt(squares / D + eps);
    for (let d = 0; d < D; d++) along += (dy[at + d] * w[d] * x[at + d] * inv) / D;
    for (let d = 0; d < D; d++) {
      const n = x[at + d] * inv;
      y[at + d] = n * w[d];
      dw[d] += dy[at + d] * n;
      dx[at + d] = inv * (dy[at + d] * w[d] - n * along);
    }
  }
  return { y, dx, dw };
}

function norming(by: string, D: number): Check {
  const [rows, eps] = [35, 1e-5];
  return {
    name: `rmsnorm ${by}`,
    make() {
      const [x, dy, w] = [noisy('x', [rows, D], 40), noisy('dy', [rows, D], 41), noisy('w', [D], 42)];
      const grad = resident('dw', [D], 'other');
      const build = (p: Program) => {
        p.needs.add(x[0]);
        const y = rmsnorm(p, x[0], vector(w[0], grad), eps);
        const made = again(p, y);
        let beside = y;
        onBackward(p, () => whenThere(p, y, (t) => (beside = t)));
        giveGrad(p, y, dy[0]);
        backward(p);
        return [y, made, beside, gradOf(p, x[0])!, grad];
      };
      const { y, dx, dw } = normF64(x[1], w[1], dy[1], D, eps);
      return { inputs: [x, dy, w], build, want: [y, y, y, dx, dw].map((v) => near(v, CLOSE)) };
    },
  };
}

/** columns: heads that are all columns of rows, which are rows of a stack to the kernels. */
function normingHeads(by: string, D: number, asColumns: boolean): Check {
  const [tokens, heads, eps] = [9, 4, 1e-6];
  return {
    name: `qknorm ${by}${asColumns ? ' of columns' : ''}`,
    make() {
      const shape = [tokens, heads * D];
      const [x, dy, w] = [noisy('x', shape, 43), noisy('dy', shape, 44), noisy('w', [D], 45)];
      const grad = resident('dw', [D], 'other');
      const seen = (t: Tensor) => (asColumns ? columns(t, 0, heads * D, t.name) : t);
      const build = (p: Program) => {
        const input = seen(x[0]);
        p.needs.add(input);
        const [y] = qkNorm(p, [input], [vector(w[0], grad)], { head_dim: D, eps });
        giveGrad(p, y, seen(dy[0]));
        backward(p);
        return [rowsOf(y).t, dy[0], grad];
      };
      const { y, dx, dw } = normF64(x[1], w[1], dy[1], D, eps);
      return { inputs: [x, dy, w], build, want: [y, dx, dw].map((v) => near(v, CLOSE)) };
    },
  };
}

/** Over more rows than one invocation adds up. */
function summing(by: string, cols: number): Check {
  const rows = 70;
  return {
    name: `columnsum ${by}`,
    make() {
      const x = noisy('x', [rows, cols], 46);
      const sums = resident('sums', [cols], 'other');
      const build = (p: Program) => {
        columnSum(p, valuesOf(x[0]), rows, cols, sums);
        return [sums];
      };
      return { inputs: [x], build, want: [near(columnsF64(x[1], cols), CLOSE)] };
    },
  };
}

// --- elements -----------------------------------------------------------------------------------------------------------

/** from: bit 0 the bias, bit 1 the residual. */
function filling(by: string, cols: number, from: number): Check {
  const rows = 5;
  return {
    name: `fill ${['zero', 'bias', 'residual', 'both'][from]} ${by}`,
    make() {
      const bias = from & 1 ? noisy('bias', [cols], 47) : undefined;
      const residual = from & 2 ? noisy('residual', [rows, cols], 48) : undefined;
      const build = (p: Program) => {
        const y = temp(p, 'y', [rows, cols]);
        fill(p, y, bias ? vector(bias[0]) : null, residual?.[0]);
        return [y];
      };
      const y = Float64Array.from({ length: rows * cols }, (_, i) => (bias?.[1][i % cols] ?? 0) + (residual?.[1][i] ?? 0));
      return { inputs: [bias, residual].filter((x) => x !== undefined), build, want: [near(y, CLOSE)] };
    },
  };
}

function adding() {
  const [x, y] = [noisy('x', [7, 43], 49), noisy('y', [7, 43], 50)];
  const build = (p: Program) => {
    addInto(p, x[0], y[0]);
    return [y[0]];
  };
  return {
    inputs: [x, y],
    build,
    want: [
      near(
        each(x[1], (v, i) => v + y[1][i]),
        CLOSE,
      ),
    ],
  };
}

/** Turned, and the gradient turned back. */
function turning() {
  const [N, heads, D] = [5, 3, 6];
  const at = Uint32Array.of(0, 1, 7, 8, 3);
  const table = given('table', [9, D / 2, 2], ropeTable({ theta: 100, scaling: null }, D, 9));
  const positions = given('positions', [N], at);
  const [x, dx] = [noisy('x', [N, heads * D], 51), noisy('dx', [N, heads * D], 52)];
  const build = (p: Program) => {
    p.needs.add(x[0]);
    rope(p, [x[0]], { positions: positions[0], table: table[0], head_dim: D });
    giveGrad(p, x[0], dx[0]);
    backward(p);
    return [x[0], dx[0]];
  };
  const turned = (data: Numbers, sign: number) =>
    each(data, (v, i) => {
      const pair = i % (D / 2);
      const second = i % D >= D / 2;
      const angle = sign * at[Math.floor(i / (heads * D))] * 100 ** ((-2 * pair) / D);
      const other = data[second ? i - D / 2 : i + D / 2];
      return v * Math.cos(angle) + (second ? 1 : -1) * other * Math.sin(angle);
    });
  return { inputs: [table, positions, x, dx], build, want: [turned(x[1], 1), turned(dx[1], -1)].map((v) => near(v, CLOSE)) };
}

function gating() {
  const shape = [6, 43];
  const gate = given(
    'gate',
    shape,
    noise(6 * 43, 53).map((v) => 12 * v),
  );
  const [up, ds] = [noisy('up', shape, 54), noisy('ds', shape, 55)];
  const build = (p: Program) => {
    for (const [t] of [gate, up]) p.needs.add(t);
    const s = swiglu(p, gate[0], up[0]);
    giveGrad(p, s, ds[0]);
    backward(p);
    return [s, gate[0], up[0]];
  };
  const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
  const s = each(gate[1], (x, i) => x * sigmoid(x) * up[1][i]);
  const dgate = each(gate[1], (x, i) => ds[1][i] * up[1][i] * sigmoid(x) * (1 + x * (1 - sigmoid(x))));
  const dup = each(gate[1], (x, i) => ds[1][i] * x * sigmoid(x));
  return { inputs: [gate, up, ds], build, want: [s, dgate, dup].map((v) => near(v, CLOSE)) };
}

/** gate and up side by side in the same rows; s is made again beside the gradients. */
function gatingColumns() {
  const [N, F] = [6, 44];
  const [x, ds] = [noisy('x', [N, 2 * F], 58), noisy('ds', [N, F], 59)];
  const build = (p: Program) => {
    const [gate, up] = [columns(x[0], 0, F, 'gate'), columns(x[0], F, F, 'up')];
    for (const t of [gate, up]) p.needs.add(t);
    const s = swiglu(p, gate, up);
    const kept = temp(p, 'kept', [N, F]);
    copy(p, s, kept);
    let made = s;
    onBackward(p, () => whenThere(p, s, (t) => (made = t)));
    giveGrad(p, s, ds[0]);
    backward(p);
    return [kept, made, x[0]];
  };
  const sigmoid = (v: number) => 1 / (1 + Math.exp(-v));
  const at = (i: number) => Math.floor(i / F) * 2 * F + (i % F);
  const s = each(ds[1], (_, i) => x[1][at(i)] * sigmoid(x[1][at(i)]) * x[1][at(i) + F]);
  const after = Float64Array.from(x[1]);
  ds[1].forEach((d, i) => {
    const [g, u] = [x[1][at(i)], x[1][at(i) + F]];
    after[at(i)] = d * u * sigmoid(g) * (1 + g * (1 - sigmoid(g)));
    after[at(i) + F] = d * g * sigmoid(g);
  });
  return { inputs: [x, ds], build, want: [s, s, after].map((v) => near(v, CLOSE)) };
}

/** Rows picked, and their gradients put back; one place is padding. */
function picking(by: string, cols: number): Check {
  const [N, at] = [7, Uint32Array.of(5, 0xffffffff, 2, 0)];
  const M = at.length;
  return {
    name: `gather and scatter ${by}`,
    make() {
      const [h, dy] = [noisy('h', [N, cols], 56), noisy('dy', [M, cols], 57)];
      const dh = resident('dh', [N, cols], 'other');
      const places = given('at', [M], at);
      const build = (p: Program) => {
        p.needs.add(h[0]);
        giveGrad(p, h[0], dh);
        const y = gatherRows(p, h[0], places[0], M);
        giveGrad(p, y, dy[0]);
        backward(p);
        return [y, dh];
      };
      const [y, back] = [new Float64Array(M * cols), new Float64Array(N * cols)];
      at.forEach((n, m) => {
        if (n >= N) return;
        y.set(h[1].subarray(n * cols, (n + 1) * cols), m * cols);
        back.set(dy[1].subarray(m * cols, (m + 1) * cols), n * cols);
      });
      return { inputs: [h, dy, places, zeros(dh)], build, want: [near(y, 0), near(back, CLOSE)] };
    },
  };
}
