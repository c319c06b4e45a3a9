// C = A B or C += A B in three layouts, on windows of larger matrices. The kernels are data in gemm-variants.ts;
// which of them runs is decided here, once for all sizes of a program.

import { decide, kernel, type Program, run, temp } from '../gpu/program.ts';
import type { Tensor } from '../gpu/tensor.ts';
import { type Format, STORED } from './formats.ts';
import { choose, gridOf, type Layout, packedSize, packOf, type Shape, type Variant } from './gemm-variants.ts';

/** A matrix inside a tensor: element offset of its first entry and distance between rows. */
export interface Mat {
  t: Tensor;
  at: number;
  ld: number;
  /** Where t holds a stored weight instead of f32: its format, and its scales. Only what readsStored() allows. */
  stored?: { format: Format; s?: Tensor };
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
  const variant = decide(p, () => choose(layout, shapeOf(a, b, c, m, n, k), p.limits));
  multiply(p, variant, a, b, c, m, n, k, accumulate);
}

/** Whether the product can read b in its stored format, so that it need not be unpacked first. */
export function readsStored(p: Program, layout: Layout, a: Mat, b: Mat, c: Mat, m: number, n: number, k: number): boolean {
  return decide(p, () => choose(layout, shapeOf(a, b, c, m, n, k), p.limits).packs && b.at % 4 === 0 && b.ld % 4 === 0);
}

function shapeOf(a: Mat, b: Mat, c: Mat, m: number, n: number, k: number): Shape {
  return { M: m, N: n, K: k, a_at: a.at, lda: a.ld, b_at: b.at, ldb: b.ld, c_at: c.at, ldc: c.ld };
}

/** The product by a given variant, which must be eligible for it. */
export function multiply(
  p: Program,
  v: Variant,
  a: Mat,
  b: Mat,
  c: Mat,
  m: number,
  n: number,
  k: number,
  accumulate: 0 | 1,
): void {
  if (v.packs) packedProduct(p, v, a, b, c, m, n, k, accumulate);
  else product(p, v, a, b, c, m, n, k, accumulate);
}

function product(p: Program, v: Variant, a: Mat, b: Mat, c: Mat, m: number, n: number, k: number, accumulate: 0 | 1): void {
  const params = { M: m, N: n, K: k, a_at: a.at, lda: a.ld, b_at: b.at, ldb: b.ld, c_at: c.at, ldc: c.ld, accumulate };
  const grid = m * n === 0 ? [0, 1, 1] : gridOf(v, m, n);
  run(p, kernel(v.kernel, v.parts, v.consts), { a: a.t, b: b.t, c: c.t }, params, grid, {
    flops: 2 * m * n * k,
    bytes: 4 * (m * k + k * n + m * n),
    label: p.label ? `${p.label} ${v.name}` : v.name,
  });
}

/** Bytes of packed panels of one operand at most. */
const PACKED_BYTES = 16 << 20;
/** The longest panel: 64 x this many f32 are 2 MiB. */
const LONGEST = 8192;

/** The product piece by piece, so that the panels of a piece stay within a slot. */
function packedProduct(p: Program, v: Variant, a: Mat, b: Mat, c: Mat, m: number, n: number, k: number, accumulate: 0 | 1): void {
  const aAlongK = v.layout !== 'tn';
  const bAlongK = v.layout === 'nt';
  const pieces = decide(p, () => {
    const most = Math.min(PACKED_BYTES, p.limits.maxBinding) / 4;
    const deep = Math.max(4, Math.min(4 * Math.ceil(k / 4), 4 * Math.floor(Math.min(LONGEST, most / 64) / 4)));
    const wide = Math.max(64, Math.floor(most / deep / 64) * 64);
    return { deep, wide, ms: Math.ceil(m / wide), ns: Math.ceil(n / wide), ks: Math.ceil(k / deep) };
  });
  const { deep, wide, ms, ns, ks } = pieces;
  for (let i = 0; i < ms; i++) {
    const rows = clamp(m - i * wide, wide);
    for (let q = 0; q < ks; q++) {
      const steps = clamp(k - q * deep, deep);
      const left = packed(p, shifted(a, aAlongK, i * wide, q * deep), aAlongK, rows, steps);
      for (let j = 0; j < ns; j++) {
        const cols = clamp(n - j * wide, wide);
        const right = packed(p, shifted(b, bAlongK, j * wide, q * deep), bAlongK, cols, steps);
        const into = { ...c, at: c.at + i * wide * c.ld + j * wide };
        product(p, v, left, right, into, q && !steps ? 0 : rows, cols, steps, q ? 1 : accumulate);
      }
    }
  }
}

const clamp = (size: number, most: number) => Math.max(0, Math.min(size, most));

/** The part of an operand from `row` and `k` on. */
function shifted(x: Mat, alongK: boolean, row: number, k: number): Mat {
  return { ...x, at: x.at + (alongK ? row * x.ld + k : k * x.ld + row) };
}

/** An operand in panels of 64 rows: a row of A, a column of B. */
function packed(p: Program, x: Mat, alongK: boolean, rows: number, k: number): Mat {
  const t = temp(p, 'packed', [packedSize(rows, k)]);
  const vec4 = decide(p, () => [x.at, x.ld, alongK ? k : rows].every((size) => size % 4 === 0));
  const { name, parts, consts } = packOf(alongK, vec4, x.stored && STORED[x.stored.format].part);
  const grid = rows * k === 0 ? [0, 1, 1] : [Math.ceil(k / 16), Math.ceil(rows / 64), 1];
  const source: Record<string, Tensor> = x.stored ? { wq: x.t, ...(x.stored.s && { ws: x.stored.s }) } : { src: x.t };
  run(p, kernel(name, parts, consts), { ...source, panel: t }, { rows, K: k, src_at: x.at, ld: x.ld, dst_at: 0 }, grid, {
    bytes: 8 * rows * k,
  });
  return { t, at: 0, ld: 0 };
}
