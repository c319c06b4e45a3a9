// Products by a weight as it is stored, forward (x W^T) and for dx (dy W): window by window, in place where a kernel reads the format,
// else unpacked a panel of f32 at a time, so that no product is written per format. What trains of the weight is linear.ts.

import { decide, type Program, temp } from '../../gpu/program.ts';
import type { Tensor } from '../../gpu/tensor.ts';
import { fill } from '../elementwise/fill.ts';
import { gemv, unpack } from '../stored/unpack.ts';
import type { Start, Weight, Window } from '../stored/weight.ts';
import { gemm, type Mat, type Product, readsStored, whole, wouldTile } from './gemm.ts';
import { type Differences, entire, type Onto } from './mat.ts';

/** Bytes of an unpacked panel at most: it is a temporary, and a cache should hold a good part of it. */
const PANEL_BYTES = 16 << 20;
/** Up to this many rows of x, the stored weight is read in place, one row of it at a time. */
const FEW_ROWS = 8;

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

/** "q_proj" of "model.layers.0.self_attn.q_proj.weight". */
export const short = (w: Weight) => w.name.split('.').at(-2) ?? w.name;
