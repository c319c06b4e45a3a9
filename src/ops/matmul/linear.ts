// y = x W^T (+ bias) (+ residual) for weights in any stored format, with what trains of them; the backward beside it.
// How a stored weight is multiplied by is stored-product.ts.

import { adds, flows, gradOf, intoGrad, onBackward, type Program, temp } from '../../gpu/program.ts';
import { whenThere } from '../../gpu/recompute.ts';
import { columns, runOf, type Tensor } from '../../gpu/tensor.ts';
import { fillBackward } from '../elementwise/fill.ts';
import type { Backward, Into, Stack, Start, Trains, Vector, Weight } from '../stored/weight.ts';
import { gemm, type Mat, whole } from './gemm.ts';
import { entire } from './mat.ts';
import { productInto, productTransposedInto, short, takesBlocks } from './stored-product.ts';

export interface LinearOptions {
  /** One bias a weight, or null. */
  bias?: (Vector | null)[];
  /** Added to the (only) output: the residual stream. */
  add?: Tensor;
}

/**
 * One output [N, rows] a weight, all of the same input x [N, cols]; where products run in tiles, columns of the same rows, in the order
 * of the weights. Adding a residual hands its gradient through.
 */
export function linear(p: Program, x: Tensor, weights: Weight[], options: LinearOptions = {}): Tensor[] {
  const { add } = options;
  const outputs = outputsOf(p, x, weights);
  const biases = weights.map((_, i) => options.bias?.[i] ?? null);
  const bias = biasOf(biases);
  const stack = bias === undefined ? null : stackFor(weights, outputs);
  const joint = stack && product(p, stack, whole(x), x.shape[0], whole(outputs[0].of!.t), bias ? { bias } : 0);
  const made = weights.map((w, i) => {
    const [y, bias] = [outputs[i], biases[i]];
    const back = joint ? null : product(p, w, whole(x), x.shape[0], whole(y), bias || add ? { bias, add } : 0);
    flows(p, y, add ? [x, add] : [x], (stack ?? w).trains !== null || Boolean(bias?.grad));
    return { y, bias, back };
  });
  const input = (use: (x: Mat) => void) => whenThere(p, x, (t) => use(whole(t)));
  onBackward(p, () => {
    const dys = outputs.flatMap((y) => gradOf(p, y) ?? []);
    if (joint && dys.length) joint(whole(together(dys, outputs)), input, p.needs.has(x) ? intoWhole(p, x) : null);
    for (const { y, bias, back } of made) {
      const dy = gradOf(p, y);
      if (!dy) continue;
      back?.(whole(dy), input, p.needs.has(x) ? intoWhole(p, x) : null);
      fillBackward(p, dy, bias, add && p.needs.has(add) ? add : undefined);
    }
  });
  return outputs;
}

/** The biases as one; null where there are none, undefined where they do not lie so. */
function biasOf(biases: (Vector | null)[]): Vector | null | undefined {
  const own = biases.filter((b) => b !== null);
  if (!own.length) return null;
  const values = own.map((b) => b.value);
  const name = own.map((b) => b.name).join(' ');
  const value = own.length < biases.length ? null : runOf(name, values, [values.reduce((n, t) => n + t.shape[0], 0)]);
  return value ? { name, value, grad: null } : undefined;
}

/** The weights as one, where their outputs lie side by side and what trains of them is one thing, or nothing. */
function stackFor(weights: Weight[], outputs: Tensor[]): Weight | null {
  const { stack } = weights[0];
  if (!stack || !outputs[0].of || stack.parts.length !== weights.length) return null;
  if (!stack.parts.every((part, i) => part === weights[i])) return null;
  return stack.trains?.columns || (!stack.trains && weights.every((w) => !w.trains)) ? stack : null;
}

/** Gradients of all outputs as what they are columns of. */
function together(dys: Tensor[], outputs: Tensor[]): Tensor {
  const all = dys[0].of?.t;
  if (!all || dys.length < outputs.length || dys.some((dy, i) => dy.of?.t !== all || dy.of.at !== outputs[i].of!.at))
    throw new Error(
      `expected gradients of ${outputs.map((y) => y.name).join(', ')} side by side as they are: give all of them so`,
    );
  return all;
}

/** Room for what comes of x by each weight: side by side where several do and all can be written and read so. */
function outputsOf(p: Program, x: Tensor, weights: Weight[]): Tensor[] {
  const [n] = x.shape;
  const names = weights.map(short);
  const room = (name: string, width: number) => temp(p, name, [n, width], 'activations');
  const width = weights.reduce((sum, w) => sum + w.rows, 0);
  const starts = weights.map((_, i) => rowsBefore(weights, i));
  // kernels that software adapters run beside products read whole tensors, though products in halves run in tiles there too
  const able = weights.length > 1 && !p.planning.software && weights.every((w) => w.trains === null || w.trains.columns);
  const tiled = able ? weights.map((w, i) => takesBlocks(p, w, whole(x), n, { t: x, at: starts[i], ld: width })) : [false];
  if (tiled.includes(false)) return weights.map((w, i) => room(names[i], w.rows));
  const all = room(names.join(' '), width);
  return weights.map((w, i) => columns(all, starts[i], w.rows, `${p.label}.${names[i]}`));
}

/** y = what x becomes by a weight as it trains, over n rows, onto what it begins at; returns the backward. */
export function product(p: Program, w: Weight, x: Mat, n: number, y: Mat, start: Start): Backward {
  return (w.trains ?? FROZEN).forward(p, w, x, n, y, start);
}

const intoWhole = (p: Program, x: Tensor): Into => {
  const { into, accumulate } = intoGrad(p, x);
  return { into: whole(into), accumulate };
};

// --- what trains --------------------------------------------------------------------------------------------------------

/** Nothing: the stored product and its dx. */
const FROZEN: Trains = {
  columns: true,
  forward(p, w, x, n, y, start) {
    productInto(p, x, n, w, y, start);
    return (dy, _, dx) => {
      if (dx) productTransposedInto(p, dy, n, w, dx.into, dx.accumulate);
    };
  },
};

/** All of a matrix stored as f32, in place: dW (+)= dy^T x into one gradient a window. */
export function dense(grads: Tensor[]): Trains {
  return {
    grads,
    columns: true,
    forward(p, w, x, n, y, start) {
      const frozen = FROZEN.forward(p, w, x, n, y, start);
      return (dy, x, dx) => {
        x((input) =>
          w.windows.forEach((v, i) => {
            const grad = { t: grads[i], at: 0, ld: w.cols };
            const of = { a: { ...dy, at: dy.at + v.r0 }, b: input, c: grad, m: v.r1 - v.r0, n: w.cols, k: n };
            gemm(p, 'tn', of, adds(p, grads[i]));
          }),
        );
        frozen(dy, x, dx);
      };
    },
  };
}

/** The backward of a part beside the stored product. */
export interface BesideBackward {
  /** The part's own gradients (or figures of the weight's) from dy and the input x. */
  gradients?(dy: Tensor, x: Tensor): void;
  /** dx += its contribution; absent where the part does not see x. */
  input?(dy: Tensor, dx: Tensor): void;
}

/** Adds a part to y for the input x. */
export type Beside = (p: Program, x: Tensor, y: Tensor) => BesideBackward;

/** Something beside the stored product, which `add` adds to y: chosen blocks, low-rank factors, or only a score of the gradient. `over`: beside another. */
export const beside = (add: Beside, { columns = false } = {}): Trains =>
  besideEach((w) => [{ add, at: 0, rows: w.rows }], columns);

/** The same of a stack, where each matrix has a part of its own, or none (null). */
export const besideParts = ({ parts }: Stack, adds: readonly (Beside | null)[]): Trains =>
  besideEach(() => parts.flatMap(({ rows }, i) => (adds[i] ? { add: adds[i], at: rowsBefore(parts, i), rows } : [])), true);

/** Rows of the matrices before one in a stack. */
const rowsBefore = (weights: readonly Weight[], i: number) => weights.slice(0, i).reduce((sum, w) => sum + w.rows, 0);

function besideEach(
  partsOf: (w: Weight) => { add: Beside; at: number; rows: number }[],
  columns: boolean,
  under: Trains = FROZEN,
): Trains {
  return {
    columns: columns && under.columns,
    over: (other) => besideEach(partsOf, columns, other),
    forward(p, w, x, n, y, start) {
      const back = under.forward(p, w, x, n, y, start);
      const made = partsOf(w).map(({ add, at, rows }) => {
        const own = (of: Mat) => entire({ ...of, at: of.at + at }, rows);
        return { part: add(p, entire(x, w.cols), own(y)), own };
      });
      return (dy, x, dx) => {
        for (const { part, own } of made) {
          const { gradients } = part;
          if (gradients) x((input) => gradients(own(dy), entire(input, w.cols)));
        }
        back(dy, x, dx);
        if (dx) for (const { part, own } of made) part.input?.(own(dy), entire(dx.into, w.cols));
      };
    },
  };
}
