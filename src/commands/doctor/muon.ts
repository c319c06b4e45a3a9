// Self-tests of Muon: small and tall matrices, tiles of every size, decay on a base, against f64 on the host.

import { type Planning, planningOf } from '../../gpu/limits.ts';
import type { Program } from '../../gpu/program.ts';
import { resident } from '../../gpu/tensor.ts';
import { gradNorm, newOptimizerState, newResults } from '../../ops/optimizer/gradnorm.ts';
import { muon } from '../../ops/optimizer/muon.ts';
import { momentsOf, trainedTogether } from '../../ops/optimizer/trained.ts';
import { newStream, SCALARS } from '../../ops/stream/stream.ts';
import { type Check, type Input, near, noise, zeros } from './check.ts';

const OPTIONS = { betas: [0.9, 0.95] as const, clip: 1 };
const LR = 0.05;

export function muonChecks(): Check[] {
  return [
    { name: 'muon of blocks of 6', make: () => moving(3, 6, 6) },
    { name: 'muon of blocks of 16', make: () => moving(2, 16, 16) },
    { name: 'muon of blocks of 16, by tiles', planning: tiled, make: () => moving(2, 16, 16) },
    { name: 'muon of blocks of 40 on a base', planning: tiled, make: () => moving(2, 40, 40, 0.1) },
    { name: 'muon of a tall factor', make: () => moving(1, 70, 12) },
  ];
}

/** As a GPU runs it, on software adapters too. */
const tiled = (of: Planning) => planningOf({ ...of, software: false });

/** A step of n packed matrices from moments that are zero. */
function moving(n: number, rows: number, cols: number, weightDecay = 0) {
  const shape = [n, rows, cols];
  const size = n * rows * cols;
  const base = weightDecay ? resident('base', shape, 'other') : undefined;
  const part = { value: resident('value', shape, 'other'), grad: resident('grad', shape, 'other'), base };
  const scale = 0.5;
  const [t] = trainedTogether('muon', [{ ...part, matrices: { n, rows, cols, scale } }], { decay: true, most: 1 << 20 });
  const [start, gradient, beneath] = [noise(size, 61), noise(size, 62), noise(size, 63)];
  const [state, results] = [newOptimizerState(), newResults()];
  const { scalars } = newStream(1, 1);
  const build = (p: Program) => {
    gradNorm(p, [t.grad], state, results, OPTIONS);
    muon(p, [t], state, scalars, { ...OPTIONS, weightDecay });
    return [part.value];
  };
  const numbers = new Float32Array(SCALARS.count);
  numbers[SCALARS.lr] = LR;
  const inputs: Input[] = [
    [part.value, start],
    [part.grad, gradient],
    ...(base ? [[base, beneath] as const] : []),
    [t.matrices!.items, t.matrices!.words],
    [scalars, numbers],
    ...[...momentsOf(t), state, results].map(zeros),
  ];
  const values = Float64Array.from(start, (x, i) => x - LR * weightDecay * (x + (base ? beneath[i] : 0)));
  for (let k = 0; k < n; k++) {
    // the look-ahead of a first moment is the gradient times a number, which the norm takes out again
    const x = orthogonalised(Float64Array.from(gradient.subarray(k * rows * cols, (k + 1) * rows * cols)), rows, cols);
    x.forEach((y, i) => (values[k * rows * cols + i] -= LR * scale * Math.sqrt(Math.max(rows, cols)) * y));
  }
  return { inputs, build, want: [near(values, 1e-5)] };
}

/** Five times X = 3.4445 X + (-4.7750 Q + 2.0315 Q Q) X, Q = X X' on the shorter side, of a matrix brought to norm 1. */
function orthogonalised(u: Float64Array, rows: number, cols: number): Float64Array {
  if (rows > cols) return turned(orthogonalised(turned(u, rows, cols), cols, rows), cols, rows);
  const norm = Math.sqrt(u.reduce((sum, y) => sum + y * y, 0)) + 1e-12;
  let x = u.map((y) => y / norm);
  for (let step = 0; step < 5; step++) {
    const q = product(x, turned(x, rows, cols), rows, cols, rows);
    const squared = product(q, q, rows, rows, rows);
    const by = q.map((y, i) => -4.775 * y + 2.0315 * squared[i]);
    const moved = product(by, x, rows, rows, cols);
    x = x.map((y, i) => 3.4445 * y + moved[i]);
  }
  return x;
}

function product(a: Float64Array, b: Float64Array, m: number, k: number, n: number): Float64Array {
  return Float64Array.from({ length: m * n }, (_, at) => {
    let sum = 0;
    for (let l = 0; l < k; l++) sum += a[Math.floor(at / n) * k + l] * b[l * n + (at % n)];
    return sum;
  });
}

const turned = (x: Float64Array, rows: number, cols: number) =>
  Float64Array.from({ length: rows * cols }, (_, k) => x[(k % rows) * cols + Math.floor(k / rows)]);
