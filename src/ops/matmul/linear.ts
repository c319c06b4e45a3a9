// y = x W^T (+ bias) (+ residual) for weights in any stored format, with what trains of them; the backward beside it.
// The f32 product does the work: stored formats are unpacked a panel at a time, so no product is written per format.

import { again, decide, flows, gradOf, intoGrad, onBackward, type Program, temp } from '../../gpu/program.ts';
import type { Tensor } from '../../gpu/tensor.ts';
import { fill, fillBackward } from '../elementwise/fill.ts';
import { gemv, unpack } from '../stored/unpack.ts';
import type { Vector, Weight, Window } from '../stored/weight.ts';
import { gemm, type Mat, readsStored, whole } from './gemm.ts';

/** Bytes of an unpacked panel at most: it is a temporary, and a cache should hold a good part of it. */
const PANEL_BYTES = 16 << 20;
/** Up to this many rows of x, the stored weight is read in place, one row of it at a time. */
const FEW_ROWS = 8;

export interface LinearOptions {
  /** One bias a weight, or null. */
  bias?: (Vector | null)[];
  /** Added to the (only) output: the residual stream. */
  add?: Tensor;
}

/** One output [N, rows] a weight, all of the same input x [N, cols]. Adding a residual hands its gradient through. */
export function linear(p: Program, x: Tensor, weights: Weight[], options: LinearOptions = {}): Tensor[] {
  const outs = weights.map((w, i) => forward(p, x, w, options.bias?.[i] ?? null, options.add));
  weights.forEach((w, i) => {
    const bias = options.bias?.[i];
    const from = options.add ? [x, options.add] : [x];
    flows(p, outs[i], from, w.trains !== null || Boolean(bias?.grad));
  });
  onBackward(p, () => {
    weights.forEach((w, i) => {
      const dy = gradOf(p, outs[i]);
      if (!dy) return;
      const bias = options.bias?.[i];
      if (w.trains?.kind === 'product') {
        w.trains.backward(p, dy, again(p, x), p.needs.has(x) ? intoGrad(p, x) : null);
      } else {
        if (w.trains) weightBackward(p, dy, again(p, x), w);
        if (p.needs.has(x)) inputBackward(p, dy, x, w);
      }
      fillBackward(p, dy, bias ?? null, options.add && p.needs.has(options.add) ? options.add : undefined);
    });
  });
  return outs;
}

function forward(p: Program, x: Tensor, w: Weight, bias: Vector | null, add?: Tensor): Tensor {
  const y = temp(p, short(w), [x.shape[0], w.rows], 'activations');
  const filled = Boolean(bias || add);
  if (filled) fill(p, y, bias, add);
  if (w.trains?.kind === 'product') {
    w.trains.forward(p, x, y, filled ? 1 : 0);
    return y;
  }
  productInto(p, whole(x), x.shape[0], w, whole(y), filled ? 1 : 0);
  if (w.trains?.kind === 'hook') w.trains.forward?.(p, x, y);
  return y;
}

/** y (+)= x W^T for n rows of x, by the stored part of W alone. */
export function productInto(p: Program, x: Mat, n: number, w: Weight, y: Mat, accumulate: 0 | 1): void {
  const few = decide(p, () => n <= FEW_ROWS);
  for (const v of w.windows) {
    if (few) {
      gemv(p, w, v, x, n, y, accumulate);
      continue;
    }
    const reads = (b: Mat) => readsStored(p, 'nt', x, b, { ...y, at: y.at + v.r0 }, n, v.r1 - v.r0, w.cols);
    for (const { r0, r1, b } of operands(p, w, v, reads))
      gemm(p, 'nt', x, b(), { ...y, at: y.at + r0 }, n, r1 - r0, w.cols, accumulate);
  }
}

function inputBackward(p: Program, dy: Tensor, x: Tensor, w: Weight): void {
  const { into, accumulate } = intoGrad(p, x);
  productTransposedInto(p, whole(dy), dy.shape[0], w, whole(into), accumulate);
  if (w.trains?.kind === 'hook') w.trains.backwardInput?.(p, dy, into);
}

/** dx (+)= dy W for n rows of dy, by the stored part of W alone. */
export function productTransposedInto(p: Program, dy: Mat, n: number, w: Weight, dx: Mat, accumulate: 0 | 1): void {
  let adds = accumulate;
  for (const v of w.windows) {
    const reads = (b: Mat) => readsStored(p, 'nn', { ...dy, at: dy.at + v.r0 }, b, dx, n, w.cols, v.r1 - v.r0);
    for (const { r0, r1, b } of operands(p, w, v, reads)) {
      gemm(p, 'nn', { ...dy, at: dy.at + r0 }, b(), dx, n, w.cols, r1 - r0, adds);
      adds = 1;
    }
  }
}

function weightBackward(p: Program, dy: Tensor, x: Tensor, w: Weight): void {
  if (w.trains?.kind === 'hook') w.trains.backwardWeight(p, dy, x);
  else denseGradient(p, whole(dy), whole(x), x.shape[0], w, p.accumulate);
}

/** dW (+)= dy^T x over n rows of both, into the gradient windows of a weight that trains densely. */
export function denseGradient(p: Program, dy: Mat, x: Mat, n: number, w: Weight, accumulate: 0 | 1): void {
  if (w.trains?.kind !== 'dense') return;
  const { grads } = w.trains;
  w.windows.forEach((v, i) => {
    gemm(p, 'tn', { ...dy, at: dy.at + v.r0 }, x, { t: grads[i], at: 0, ld: w.cols }, v.r1 - v.r0, w.cols, n, accumulate);
  });
}

/** The rows of a window as an operand of the product: as they are stored where it reads that, else as panels of f32. */
function operands(p: Program, w: Weight, v: Window, reads: (b: Mat) => boolean): { r0: number; r1: number; b(): Mat }[] {
  const stored: Mat = { t: v.q, at: 0, ld: w.cols, stored: { format: w.format, s: v.s } };
  if (w.format !== 'f32' && reads(stored)) return [{ r0: v.r0, r1: v.r1, b: () => stored }];
  return panels(p, w, v).map(({ r0, r1, t }) => ({ r0, r1, b: () => ({ t: t(), at: 0, ld: w.cols }) }));
}

interface Panel {
  r0: number;
  r1: number;
  /** The panel as an f32 tensor; unpacking is appended when it is asked for. */
  t(): Tensor;
}

/** The rows of a window as f32: in place where that is how they are stored, else unpacked in panels. */
export function panels(p: Program, w: Weight, v: Window): Panel[] {
  if (w.format === 'f32') return [{ r0: v.r0, r1: v.r1, t: () => v.q }];
  const fit = Math.floor(Math.min(PANEL_BYTES, p.planning.maxBinding) / (4 * w.cols));
  const most = Math.max(4, fit - (fit % 4)); // so that every panel starts at a whole vec4
  const out: Panel[] = [];
  for (let r0 = v.r0; r0 < v.r1; r0 += most) {
    const r1 = Math.min(v.r1, r0 + most);
    const t = () => {
      const panel = temp(p, `${short(w)}.panel`, [r1 - r0, w.cols]);
      unpack(p, w, v, r0, r1, panel);
      return panel;
    };
    out.push({ r0, r1, t });
  }
  return out;
}

const short = (w: Weight) => w.name.split('.').at(-2) ?? w.name;
