// Stored weights as f32: a panel of rows at a time for the f32 product, or read in place for a few rows of input.

import gemvCode from '../../shaders/gemv.wgsl?raw' with { type: 'text' };
import unpackCode from '../../shaders/unpack.wgsl?raw' with { type: 'text' };
import { kernel, type Program, run } from '../gpu/program.ts';
import type { Tensor } from '../gpu/tensor.ts';
import { STORED } from './formats.ts';
import type { Mat } from './gemm.ts';
import type { Weight, Window } from './weight.ts';

const bindings = (v: Window): Record<string, Tensor> => (v.s ? { wq: v.q, ws: v.s } : { wq: v.q });

/** panel[r - r0] = row r of the weight as f32, for r0 <= r < r1 within window v. */
export function unpack(p: Program, w: Weight, v: Window, r0: number, r1: number, panel: Tensor): void {
  const elements = (r1 - r0) * w.cols;
  const start = (r0 - v.r0) * w.cols;
  if (start % 4)
    throw new Error(`expected a panel of ${w.name} to start at a multiple of 4 elements, got row ${r0} of ${w.cols} columns`);
  const RUN = p.limits.software ? 4 : 1;
  const k = kernel(`unpack_${w.format}`, [STORED[w.format].part, unpackCode], { RUN });
  const count = Math.ceil(elements / 4);
  const bytes = 4 * elements + (v.q.bytes * (r1 - r0)) / (v.r1 - v.r0);
  run(p, k, { ...bindings(v), panel }, { start, count }, [Math.ceil(count / (64 * RUN))], { bytes });
}

/** y[m, r] (+)= x[m] . row r of window v, for the n rows of x (a few), straight from the stored format. */
export function gemv(p: Program, w: Weight, v: Window, x: Mat, n: number, y: Mat, accumulate: 0 | 1): void {
  const rows = v.r1 - v.r0;
  const k = kernel(`gemv_${w.format}`, [STORED[w.format].part, gemvCode], { VEC: w.cols % 4 === 0 });
  const params = { rows, K: w.cols, x_at: x.at, ldx: x.ld, y_at: y.at + v.r0, ldy: y.ld, accumulate };
  run(p, k, { ...bindings(v), x: x.t, y: y.t }, params, [Math.ceil(rows / 8), n], {
    flops: 2 * n * rows * w.cols,
    bytes: v.q.bytes,
  });
}
