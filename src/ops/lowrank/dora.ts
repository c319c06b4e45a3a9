// DoRA: y = (m / |W + s B A|) (W + s B A) x, row by row of the weight. The norm is a constant in the backward.
// The row norms are made once an update: on GPUs each row is formed on its way (dora_norms), on software adapters they follow from |W|^2
// and two small products.

import magnitudeTerm from '../../../shaders/columnsum_magnitude.wgsl?raw' with { type: 'text' };
import applyCode from '../../../shaders/dora_apply.wgsl?raw' with { type: 'text' };
import normsCode from '../../../shaders/dora_norms.wgsl?raw' with { type: 'text' };
import scaleCode from '../../../shaders/dora_scale.wgsl?raw' with { type: 'text' };
import squaresCode from '../../../shaders/dora_squares.wgsl?raw' with { type: 'text' };
import weightCode from '../../../shaders/dora_weight.wgsl?raw' with { type: 'text' };
import { adds, kernel, type Program, run, temp } from '../../gpu/program.ts';
import { arena, resident, rowsOf, runOf, type Tensor } from '../../gpu/tensor.ts';
import { lanesOf, workgroups } from '../elementwise/lanes.ts';
import { reducing } from '../elementwise/reduce.ts';
import { whole } from '../matmul/gemm.ts';
import { entire } from '../matmul/mat.ts';
import { begin, panels, productInto, productTransposedInto } from '../matmul/stored-product.ts';
import { columnSum, columnsIn } from '../norm/columnsum.ts';
import { STORED } from '../stored/formats.ts';
import type { Into, Stack, Trains, Weight } from '../stored/weight.ts';
import { dropout, drops } from './dropout.ts';
import {
  bandsOf,
  costOf,
  down,
  gradientGrid,
  joinedFactors,
  type LowRank,
  type LowRankBackward,
  lowRankForward,
  masked,
  ofA,
} from './lowrank.ts';

/** Factors and magnitudes of one matrix, or of the matrices of a stack. */
export interface Dora {
  weight: Weight;
  factors: LowRank;
  /** m [rows], and its gradient where it trains. */
  magnitude: Tensor;
  grad: Tensor | null;
  /** |w|^2 of the stored rows, m / norm and 1 / norm [rows]. A stack has no squares. */
  squares: Tensor | null;
  scale: Tensor;
  invNorm: Tensor;
}

/** Magnitudes beside the factors of a weight, not yet allocated; they train where the factors do. */
export function newDora(weight: Weight, factors: LowRank): Dora {
  const module = weight.name.replace(/\.weight$/, '');
  const vector = (part: string, role: 'trained' | 'gradients' | 'other') => resident(`${module}.${part}`, [weight.rows], role);
  return {
    weight,
    factors,
    magnitude: vector('lora_magnitude_vector', 'trained'),
    grad: factors.grads && vector('lora_magnitude_vector.grad', 'gradients'),
    squares: vector('row_squares', 'other'),
    scale: vector('row_scale', 'other'),
    invNorm: vector('inv_row_norm', 'other'),
  };
}

/** The same of a stack's matrices as one, where what trains of each lies behind that of the one before; null where it does not. */
export function joinedDora(weight: Stack, doras: readonly Dora[], most: number): Dora | null {
  const factors = joinedFactors(
    weight,
    doras.map((d) => d.factors),
  );
  const shape = [weight.rows];
  const all = (part: string, of: (d: Dora) => Tensor) => runOf(`${weight.name}.${part}`, doras.map(of), shape);
  const [magnitude, grad] = [all('lora_magnitude_vector', (d) => d.magnitude), all('lora_magnitude_vector.grad', (d) => d.grad!)];
  if (!factors || !magnitude || !grad) return null;
  const lay = (part: string, tensors: Tensor[]) => {
    const { parts } = arena(`${weight.name}.${part}`, tensors, 'other', most);
    tensors.forEach((t, i) => Object.assign(t, { home: parts[i].home, start: parts[i].start }));
    return runOf(`${weight.name}.${part}`, tensors, shape);
  };
  const [scale, invNorm] = [
    lay(
      'row_scale',
      doras.map((d) => d.scale),
    ),
    lay(
      'inv_row_norm',
      doras.map((d) => d.invNorm),
    ),
  ];
  return scale && invNorm && { weight, factors, magnitude, grad, squares: null, scale, invNorm };
}

/** What trains of the weight, in place of its plain product. */
export function trainsDora(d: Dora): Trains {
  return {
    columns: true,
    forward(p, w, x, n, y, start) {
      const back = forward(p, d, entire(x, w.cols), n, entire(y, w.rows), begin(p, w, y, start));
      return (dy, x, dx) => back(entire(dy, w.rows), (use) => x((input) => use(entire(input, w.cols))), dx);
    },
  };
}

/** squares = |w|^2 of every stored row, whatever the format. Once: the base does not move. */
export function doraSquares(p: Program, { weight: w, squares }: Dora): void {
  const k = reducing(p, 'dora_squares', [squaresCode], w.cols);
  for (const v of w.windows)
    for (const { r0, r1, t } of panels(p, w, v))
      run(p, k, { panel: t(), squares: squares! }, { row0: r0, cols: w.cols }, [r1 - r0], { flops: 2 * (r1 - r0) * w.cols });
}

/** Whether row norms are made of rows as they are stored, those of a stack at once; else they follow from `squares`. */
export const formsRows = (software: boolean, { weight }: Dora): boolean => !software && weight.cols % 4 === 0;

/** scale and 1 / norm from the factors and magnitudes as they are now; where rows are not formed, `doraSquares` must have run. */
export function doraScale(p: Program, d: Dora): void {
  if (formsRows(p.planning.software, d)) norms(p, d);
  else scaleFromSquares(p, d);
}

function norms(p: Program, { weight: w, factors: f, magnitude, scale, invNorm }: Dora): void {
  const k = kernel(`dora_norms_${w.format}`, [STORED[w.format].part, normsCode]);
  for (const { r0, r1, q, s } of w.windows) {
    const [rows, stored] = [r1 - r0, q.bytes + (s?.bytes ?? 0)];
    const bind = { wq: q, ...(s && { ws: s }), factor_a: f.A, factor_b: f.B, magnitude, row_scale: scale, inv_norm: invNorm };
    const params = { row0: r0, rows, cols: w.cols, rank: f.rank, ...bandsOf(f, w.rows), s: f.scale };
    run(p, k, bind, params, [Math.ceil(rows / 8)], {
      flops: 2 * rows * w.cols * (f.rank + 1),
      bytes: stored + f.A.bytes + 4 * rows * (f.rank + 3),
    });
  }
}

function scaleFromSquares(p: Program, { weight: w, factors: f, magnitude, squares, scale, invNorm }: Dora): void {
  const [cross, gram] = [temp(p, 'cross', [w.rows, f.rank]), temp(p, 'gram', [f.rank, f.rank])];
  down(p, f.A, f.rank, ofA(f), gram, 1);
  for (const v of w.windows) for (const { r0, r1, t } of panels(p, w, v)) down(p, t(), r1 - r0, ofA(f), cross, 1, r0);
  const bind = { squares: squares!, factor: f.B, cross_: cross, gram, magnitude, scale, inv_norm: invNorm };
  const params = { rows: w.rows, rank: f.rank, s: f.scale };
  run(p, kernel('dora_scale', [scaleCode]), bind, params, [workgroups(w.rows)], { flops: 2 * w.rows * f.rank * f.rank });
}

/** y (+)= scale (W + s B A) x; with dropout as PEFT has it, W x + (scale - 1) W x' + scale s B A x' for the masked input x'. */
function forward(p: Program, d: Dora, x: Tensor, N: number, y: Tensor, accumulate: 0 | 1) {
  const { weight: w, factors: f } = d;
  const z = temp(p, 'product', [N, w.rows], 'activations');
  const seen = masked(p, f, x);
  productInto(p, whole(seen), N, w, whole(z), 0);
  if (seen !== x) {
    productInto(p, whole(x), N, w, whole(y), accumulate);
    apply(p, d, z, [0, -1], y, 1);
  }
  const factors = lowRankForward(p, f, seen, y, { z, scale: d.scale, accumulate: seen === x ? accumulate : 1 });
  return (dy: Tensor, x: Asked, dx: Into | null) => backward(p, d, z, factors, dy, x, dx);
}

/** The input, for who gives it something to do. */
type Asked = (use: (x: Tensor) => void) => void;

/** z: the product before it was scaled, of the forward. */
function backward(p: Program, d: Dora, z: Tensor, factors: LowRankBackward, dy: Tensor, x: Asked, dx: Into | null): void {
  const { weight: w, factors: f } = d;
  if (!d.grad) throw new Error(`expected magnitudes of ${w.name} that train, got some without a gradient`);
  const [N] = dy.shape;
  const dz = temp(p, 'd_product', dy.shape);
  if (p.planning.software) {
    const bind = { dy: rowsOf(dy).t, z, inv_norm: d.invNorm, scale: d.scale, d_z: dz };
    columnSum(p, { part: magnitudeTerm, bind, consts: columnsIn(dy) }, N, w.rows, d.grad);
    factors.ofB(dz);
  } else gradientsAtOnce(p, d, z, factors.u, dy, dz);
  x((input) => factors.ofA(dz, masked(p, f, input)));
  if (!dx) return;
  const into = entire(dx.into, w.cols);
  if (!drops(p, f.dropout)) {
    productTransposedInto(p, whole(dz), N, w, dx.into, dx.accumulate);
    factors.input(dz, into, 1);
    return;
  }
  productTransposedInto(p, whole(dy), N, w, dx.into, dx.accumulate);
  const [rest, inner] = [temp(p, 'd_rest', dy.shape), temp(p, 'd_dropped', [N, w.cols])];
  apply(p, d, dy, [1, -1], rest, 0);
  productTransposedInto(p, whole(rest), N, w, whole(inner), 0);
  factors.input(dz, inner, 1);
  dropout(p, f.dropout, inner, into, 1);
}

/** dz, and what dy says of B and the magnitudes. */
function gradientsAtOnce(p: Program, d: Dora, z: Tensor, u: Tensor, dy: Tensor, dz: Tensor): void {
  const { factors: f, grad } = d;
  const [N, width] = dy.shape;
  const rows = rowsOf(dy);
  const bind = { u, dy: rows.t, z, scale: d.scale, inv_norm: d.invNorm, d_z: dz, grad: f.grads!.B, grad_m: grad! };
  const adding = { accumulate: adds(p, f.grads!.B), accumulate_m: adds(p, grad!) };
  const params = { N, rank: f.rank, width, ldu: u.shape[1], ...bandsOf(f, width), dy_at: rows.at, lddy: rows.ld, ...adding };
  const cost = costOf(N, { rank: f.rank, width });
  run(p, kernel('dora_weight', [weightCode]), bind, params, gradientGrid({ width, rank: f.rank }), {
    flops: cost.flops + 4 * N * width,
    bytes: cost.bytes + 8 * N * width,
  });
}

/** y (+)= (weight scale + plain) x, by columns: with dropout. */
function apply(p: Program, d: Dora, x: Tensor, [weight, plain]: [number, number], y: Tensor, accumulate: 0 | 1): void {
  const { part, per } = lanesOf(d.weight.rows);
  const [cols, count] = [d.weight.rows / per, (x.shape[0] * d.weight.rows) / per];
  const [{ AT: X_AT = 0, LD: LDX = 0 }, { AT: Y_AT = 0, LD: LDY = 0 }] = [columnsIn(x), columnsIn(y)];
  const k = kernel('dora_apply', [part, applyCode], { X_AT, LDX, Y_AT, LDY });
  const params = { cols, count, weight, plain, accumulate };
  run(p, k, { scale: d.scale, x: rowsOf(x).t, y: rowsOf(y).t }, params, [workgroups(count)], {
    flops: 2 * count * per,
  });
}
