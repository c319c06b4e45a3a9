// The variants of the f32 product, as data. PROVISIONAL: only the plain one.
import plain from '../../shaders/gemm_plain.wgsl?raw' with { type: 'text' };

export type Layout = 'nt' | 'nn' | 'tn';
export interface Shape {
  M: number;
  N: number;
  K: number;
  a_at: number;
  lda: number;
  b_at: number;
  ldb: number;
  c_at: number;
  ldc: number;
}
export interface Variant {
  name: string;
  layout: Layout;
  parts: string[];
  consts: Record<string, number | boolean>;
  /** Rows and columns of C per workgroup. */
  tile: [number, number];
}

const of = (layout: Layout): Variant => ({
  name: `gemm_plain_${layout}`,
  layout,
  parts: [plain],
  consts: { AT: layout === 'tn', BT: layout === 'nt' },
  tile: [32, 32],
});
export const VARIANTS: Variant[] = [of('nt'), of('nn'), of('tn')];

export function choose(layout: Layout, _shape: Shape): Variant {
  return VARIANTS.find((v) => v.layout === layout)!;
}

export function gridOf(v: Variant, M: number, N: number): [number, number, number] {
  return [Math.ceil(N / v.tile[1]), Math.ceil(M / v.tile[0]), 1];
}
