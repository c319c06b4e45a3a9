// C = A B or C += A B in three layouts, on windows of larger matrices. The kernels are data in gemm-variants.ts;
// which of them runs is decided here, once for all sizes of a program.

import { decide, kernel, type Program, run } from '../gpu/program.ts';
import type { Tensor } from '../gpu/tensor.ts';
import { choose, gridOf, type Layout } from './gemm-variants.ts';

/** A matrix inside a tensor: element offset of its first entry and distance between rows. */
export interface Mat {
  t: Tensor;
  at: number;
  ld: number;
}

/** A whole tensor [rows, cols] as a matrix. */
export const whole = (t: Tensor): Mat => ({ t, at: 0, ld: t.shape[t.shape.length - 1] });

/**
 * c (+)= a b. nt: c[m,n] = sum a[m,k] b[n,k]; nn: sum a[m,k] b[k,n]; tn: sum a[k,m] b[k,n].
 * accumulate 0 writes, 1 adds.
 */
export function gemm(
  p: Program,
  layout: Layout,
  a: Mat,
  b: Mat,
  c: Mat,
  m: number,
  n: number,
  k: number,
  accumulate: 0 | 1,
): void {
  const variant = decide(p, () =>
    choose(layout, { M: m, N: n, K: k, lda: a.ld, ldb: b.ld, ldc: c.ld, a_at: a.at, b_at: b.at, c_at: c.at }),
  );
  const params = { M: m, N: n, K: k, a_at: a.at, lda: a.ld, b_at: b.at, ldb: b.ld, c_at: c.at, ldc: c.ld, accumulate };
  const grid = m * n === 0 ? [0, 1, 1] : gridOf(variant, m, n);
  run(p, kernel(variant.name, variant.parts, variant.consts), { a: a.t, b: b.t, c: c.t }, params, grid, {
    flops: 2 * m * n * k,
    bytes: 4 * (m * k + k * n + m * n),
  });
}
