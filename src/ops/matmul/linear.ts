// y = x W^T (+ bias) (+ residual) for weights in any stored format, with what trains of them; the backward beside it.
// The f32 product does the work: stored formats are unpacked a panel at a time, so no product is written per format.

import { adds, decide, flows, gradOf, intoGrad, onBackward, type Program, temp } from '../../gpu/program.ts';
import { whenThere } from '../../gpu/recompute.ts';
import { columns, runOf, type Tensor } from '../../gpu/tensor.ts';
import { fill, fillBackward } from '../elementwise/fill.ts';
import { gemv, unpack } from '../stored/unpack.ts';
import type { Backward, Into, Stack, Start, Trains, Vector, Weight, Window } from '../stored/weight.ts';
import { gemm, type Mat, type Product, readsStored, whole, wouldTile } from './gemm.ts';
import type { Differences, Onto } from './mat.ts';

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
  const able = weights.length > 1 && weights.every((w) => w.trains === null || w.trains.columns);
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

/** A matrix `width` wide as a tensor: what is behind it where it is all of that, else columns of it. */
export function entire({ t, at, ld }: Mat, width: number): Tensor {
  return at === 0 && ld === width ? t : columns(t, at, width, t.name);
}

// --- the stored product -------------------------------------------------------------------------------------------------

/** Chosen blocks of a weight, as a product that reads it takes them. */
export type Blocks = Omit<Differences, 'line0'>;

/** y = x W^T, onto what it begins at, for n rows of x, by the stored part of W alone, or with chosen blocks where takesBlocks() says so. */
export function productInto(p: Program, x: Mat, n: number, w: Weight, y: Mat, start: Start, blocks?: Blocks): void {
  const rows = (r0: number, r1: number, b: Mat) => ({ a: x, b, c: { ...y, at: y.at + r0 }, m: n, n: r1 - r0, k: w.cols });
  const few = decide(p, () => n <= FEW_ROWS);
  const begins = typeof start === 'object' && decide(p, () => !few && w.windows.every((v) => beginsThere(p, w, v, rows)));
  const accumulate = begins ? 0 : begin(p, w, y, start);
  for (const v of w.windows) {
    if (few) {
      gemv(p, w, v, x, n, y, accumulate);
      continue;
    }
    const reads = (b: Mat) => readsStored(p, 'nt', rows(v.r0, v.r1, b));
    for (const { r0, r1, b } of operands(p, w, v, reads, blocks))
      gemm(p, 'nt', rows(r0, r1, b()), accumulate, begins ? ontoOf(start, r0) : undefined);
  }
}

/** dx (+)= dy W for n rows of dy, likewise. */
export function productTransposedInto(
  p: Program,
  dy: Mat,
  n: number,
  w: Weight,
  dx: Mat,
  accumulate: 0 | 1,
  blocks?: Blocks,
): void {
  let adds = accumulate;
  for (const v of w.windows) {
    const rows = (r0: number, r1: number, b: Mat) => ({ a: { ...dy, at: dy.at + r0 }, b, c: dx, m: n, n: w.cols, k: r1 - r0 });
    const reads = (b: Mat) => readsStored(p, 'nn', rows(v.r0, v.r1, b));
    for (const { r0, r1, b } of operands(p, w, v, reads, blocks)) {
      gemm(p, 'nn', rows(r0, r1, b()), adds);
      adds = 1;
    }
  }
}

/** Whether the products by W of n rows, either way, run in tiles and so can read chosen blocks with it. x and y: of the forward. */
export function takesBlocks(p: Program, w: Weight, x: Mat, n: number, y: Mat): boolean {
  return decide(
    p,
    () =>
      n > FEW_ROWS &&
      w.windows.every(({ r0, r1, q }) => {
        const b = { t: q, at: 0, ld: w.cols };
        const [to, size] = [{ ...y, at: y.at + r0 }, r1 - r0];
        const forward = wouldTile(p, 'nt', { a: x, b, c: to, m: n, n: size, k: w.cols });
        return r0 % 4 === 0 && forward && wouldTile(p, 'nn', { a: to, b, c: x, m: n, n: w.cols, k: size });
      }),
  );
}

/** Whether the product over a window can begin at a bias and a residual by itself. */
function beginsThere(p: Program, w: Weight, v: Window, rows: (r0: number, r1: number, b: Mat) => Product): boolean {
  return v.r0 % 4 === 0 && wouldTile(p, 'nt', rows(v.r0, v.r1, { t: v.q, at: 0, ld: w.cols }));
}

/** What y begins at, where the product does not see to it: whether it adds. */
export function begin(p: Program, w: Weight, y: Mat, start: Start): 0 | 1 {
  if (typeof start === 'number') return start;
  fill(p, entire(y, w.rows), start.bias, start.add);
  return 1;
}

/** The same as columns r0 and after of it. */
function ontoOf({ bias, add }: Exclude<Start, number>, r0: number): Onto {
  return { ...(bias && { bias: { t: bias.value, at: r0 } }), ...(add && { add: { ...whole(add), at: r0 } }) };
}

interface Operand {
  r0: number;
  r1: number;
  b(): Mat;
}

/** The rows of a window as an operand of the product: as they are stored where it reads that, else as panels of f32. */
function operands(p: Program, w: Weight, v: Window, reads: (b: Mat) => boolean, blocks?: Blocks): Operand[] {
  const stored: Mat = { t: v.q, at: 0, ld: w.cols, stored: { format: w.format, s: v.s } };
  const b = w.format === 'f32' ? { t: v.q, at: 0, ld: w.cols } : reads(stored) ? stored : null;
  if (b) return [{ r0: v.r0, r1: v.r1, b: () => ({ ...b, ...(blocks && { blocks: { ...blocks, line0: v.r0 } }) }) }];
  if (blocks) throw new Error(`expected a product that reads ${w.name} with its chosen blocks, got one over panels`);
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
