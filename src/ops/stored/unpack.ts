// Stored weights as f32: a panel of rows at a time for the f32 product, or read in place for a few rows of input.

import gemvCode from '../../../shaders/gemv.wgsl?raw' with { type: 'text' };
import gemvPlain from '../../../shaders/gemv_plain.wgsl?raw' with { type: 'text' };
import gemvRows from '../../../shaders/gemv_rows.wgsl?raw' with { type: 'text' };
import unpackCode from '../../../shaders/unpack.wgsl?raw' with { type: 'text' };
import type { Planning } from '../../gpu/limits.ts';
import { decide, kernel, type Program, run } from '../../gpu/program.ts';
import type { Tensor } from '../../gpu/tensor.ts';
import type { Mat } from '../matmul/gemm.ts';
import { STORED } from './formats.ts';
import type { Weight, Window } from './weight.ts';

const bytesOf = (v: Window) => v.q.bytes + (v.s?.bytes ?? 0);
const bindings = (v: Window): Record<string, Tensor> => (v.s ? { wq: v.q, ws: v.s } : { wq: v.q });

/** panel[r - r0] = row r of the weight as f32, for r0 <= r < r1 within window v. */
export function unpack(p: Program, w: Weight, v: Window, r0: number, r1: number, panel: Tensor): void {
  const elements = (r1 - r0) * w.cols;
  const start = (r0 - v.r0) * w.cols;
  if (start % 4)
    throw new Error(`expected a panel of ${w.name} to start at a multiple of 4 elements, got row ${r0} of ${w.cols} columns`);
  const RUN = p.planning.software ? 4 : 1;
  const k = kernel(`unpack_${w.format}`, [STORED[w.format].part, unpackCode], { RUN });
  const count = Math.ceil(elements / 4);
  const reads = (bytesOf(v) * (r1 - r0)) / (v.r1 - v.r0);
  run(p, k, { ...bindings(v), panel }, { start, count }, [Math.ceil(count / (64 * RUN))], {
    bytes: 4 * elements + reads,
    reads,
  });
}

/** y[m, r] (+)= x[m] . row r of window v, for the n rows of x (a few), straight from the stored format; each with the same bits whatever n. */
export function gemv(p: Program, w: Weight, v: Window, x: Mat, n: number, y: Mat, accumulate: 0 | 1): void {
  const rows = v.r1 - v.r0;
  const { k, tokens, perGroup } = decide(p, () => gemvKernel(p.planning, w, n, [w.cols, x.at, x.ld]));
  const params = { rows, cols: w.cols, x_at: x.at, ldx: x.ld, y_at: y.at + v.r0, ldy: y.ld, accumulate };
  const all = tokens === null ? params : { ...params, tokens: n };
  const grid = [Math.ceil(rows / perGroup), Math.ceil(n / (tokens ?? 1))];
  run(p, k, { ...bindings(v), x: x.t, y: y.t }, all, grid, {
    flops: 2 * n * rows * w.cols,
    bytes: bytesOf(v),
  });
}

/** The kernel for n rows of x, how many of them share what is read of W (null: it does not ask), and rows of W a workgroup. */
function gemvKernel({ software, subgroups }: Planning, w: Weight, n: number, sizes: number[]) {
  const { part } = STORED[w.format];
  const LANES = subgroups >= 8 ? 8 : 4;
  const TOKENS = n > 4 ? 8 : n > 2 ? 4 : Math.max(1, n);
  if (software && subgroups >= 4 && w.cols % 32 === 0) {
    const ROWS = 4;
    const k = kernel(`gemv_rows_${w.format}`, [part, gemvRows], { LANES, ROWS, TOKENS });
    return { k, tokens: TOKENS, perGroup: LANES * ROWS };
  }
  if (sizes.some((size) => size % 4))
    return { k: kernel(`gemv_plain_${w.format}`, [part, gemvPlain]), tokens: null, perGroup: 8 };
  const ROWS = software ? 4 : 1; // many rows an invocation save loads; few make more of them to fill a GPU
  const shared = software ? Math.min(4, TOKENS) : TOKENS;
  const k = kernel(`gemv_${w.format}`, [part, gemvCode], { TOKENS: shared, ROWS });
  return { k, tokens: shared, perGroup: 8 * ROWS };
}
