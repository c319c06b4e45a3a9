// Stored weights as f32: a panel of rows at a time for the f32 product, or read in place for a few rows of input.

import gemvCode from '../../../shaders/gemv.wgsl?raw' with { type: 'text' };
import gemvPlain from '../../../shaders/gemv_plain.wgsl?raw' with { type: 'text' };
import unpackCode from '../../../shaders/unpack.wgsl?raw' with { type: 'text' };
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

/** y[m, r] (+)= x[m] . row r of window v, for the n rows of x (a few), straight from the stored format. */
export function gemv(p: Program, w: Weight, v: Window, x: Mat, n: number, y: Mat, accumulate: 0 | 1): void {
  const rows = v.r1 - v.r0;
  const { vec4, TOKENS } = decide(p, () => ({
    vec4: [w.cols, x.at, x.ld].every((size) => size % 4 === 0),
    TOKENS: n > 2 ? 4 : Math.max(1, n),
  }));
  const params = { rows, cols: w.cols, x_at: x.at, ldx: x.ld, y_at: y.at + v.r0, ldy: y.ld, accumulate };
  const bind = { ...bindings(v), x: x.t, y: y.t };
  const cost = { flops: 2 * n * rows * w.cols, bytes: bytesOf(v) };
  const { part } = STORED[w.format];
  if (!vec4) {
    run(p, kernel(`gemv_plain_${w.format}`, [part, gemvPlain]), bind, params, [Math.ceil(rows / 8), n], cost);
    return;
  }
  const ROWS = p.planning.software ? 4 : 1; // many rows an invocation save loads; few make more of them to fill a GPU
  const k = kernel(`gemv_${w.format}`, [part, gemvCode], { TOKENS, ROWS });
  run(p, k, bind, { ...params, tokens: n }, [Math.ceil(rows / (8 * ROWS)), Math.ceil(n / TOKENS)], cost);
}
