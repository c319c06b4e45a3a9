// Stored weights as f32: a panel of rows at a time for the f32 product, or read in place for a few rows of input.

import { type Program } from '../gpu/program.ts';
import type { Tensor } from '../gpu/tensor.ts';
import type { Mat } from './gemm.ts';
import type { Weight, Window } from './weight.ts';

/** panel[r - r0] = row r of the weight as f32, for r0 <= r < r1 within window v. */
export function unpack(_p: Program, w: Weight, _v: Window, _r0: number, _r1: number, _panel: Tensor): void {
  throw new Error(`PROVISIONAL: unpack ${w.format}`);
}

/** y[m, r] (+)= x[m] . row r of window v, for the n <= 8 rows of x, straight from the stored format. */
export function gemv(_p: Program, w: Weight, _v: Window, _x: Mat, _n: number, _y: Mat, _accumulate: 0 | 1): void {
  throw new Error(`PROVISIONAL: gemv ${w.format}`);
}
