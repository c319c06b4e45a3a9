// DoRA: y = (m / |W + s B A|) (W + s B A) x, row by row of the weight. The norm is a constant in the backward.
// The row norms are made once an update from |W|^2 and two small products; W + s B A is never formed.

import magnitudeTerm from '../../../shaders/columnsum_magnitude.wgsl?raw' with { type: 'text' };
import applyCode from '../../../shaders/dora_apply.wgsl?raw' with { type: 'text' };
import scaleCode from '../../../shaders/dora_scale.wgsl?raw' with { type: 'text' };
import squaresCode from '../../../shaders/dora_squares.wgsl?raw' with { type: 'text' };
import { kernel, type Program, run, temp } from '../../gpu/program.ts';
import { resident, rowsOf, type Tensor } from '../../gpu/tensor.ts';
import { lanesOf, workgroups } from '../elementwise/lanes.ts';
import { reducing } from '../elementwise/reduce.ts';
import { whole } from '../matmul/gemm.ts';
import { begin, entire, panels, productInto, productTransposedInto } from '../matmul/linear.ts';
import { columnSum, columnsIn } from '../norm/columnsum.ts';
import type { Into, Trains, Weight } from '../stored/weight.ts';
import { dropout, drops } from './dropout.ts';
import { down, type LowRank, type LowRankBackward, lowRankForward, masked, ofA } from './lowrank.ts';

/** Factors and magnitudes of one matrix. */
export interface Dora {
  weight: Weight;
  factors: LowRank;
  /** m [rows], and its gradient where it trains. */
  magnitude: Tensor;
  grad: Tensor | null;
  /** |w|^2 of the stored rows, m / norm and 1 / norm [rows]. */
  squares: Tensor;
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
      run(p, k, { panel: t(), squares }, { row0: r0, cols: w.cols }, [r1 - r0], { flops: 2 * (r1 - r0) * w.cols });
}

/** scale and 1 / norm from the factors and magnitudes as they are now; `doraSquares` must have run. */
export function doraScale(p: Program, { weight: w, factors: f, magnitude, squares, scale, invNorm }: Dora): void {
  const [cross, gram] = [temp(p, 'cross', [w.rows, f.rank]), temp(p, 'gram', [f.rank, f.rank])];
  down(p, f.A, f.rank, ofA(f), gram, 1);
  for (const v of w.windows) for (const { r0, r1, t } of panels(p, w, v)) down(p, t(), r1 - r0, ofA(f), cross, 1, r0);
  const bind = { squares, factor: f.B, cross_: cross, gram, magnitude, scale, inv_norm: invNorm };
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
  const factors = lowRankForward(p, f, seen, z);
  apply(p, d, z, [1, 0], y, seen === x ? accumulate : 1);
  return (dy: Tensor, x: Asked, dx: Into | null) => backward(p, d, z, factors, dy, x, dx);
}

/** The input, for who gives it something to do. */
type Asked = (use: (x: Tensor) => void) => void;

/** z: the product before it was scaled, of the forward. */
function backward(p: Program, d: Dora, z: Tensor, factors: LowRankBackward, dy: Tensor, x: Asked, dx: Into | null): void {
  const { weight: w, factors: f } = d;
  if (!d.grad) throw new Error(`expected magnitudes of ${w.name} that train, got some without a gradient`);
  const [N] = dy.shape;
  columnSum(
    p,
    { part: magnitudeTerm, bind: { dy: rowsOf(dy).t, z, inv_norm: d.invNorm }, consts: columnsIn(dy) },
    N,
    w.rows,
    d.grad,
  );
  const dz = temp(p, 'd_product', dy.shape);
  apply(p, d, dy, [1, 0], dz, 0);
  x((input) => factors.gradients(dz, masked(p, f, input)));
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

/** y (+)= (weight scale + plain) x, by columns. */
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
