// C = A B or C += A B in three layouts, on windows of larger matrices. The kernels are data in gemm-variants.ts;
// which of them runs is decided here, once for all sizes of a program.

import { decide, kernel, type Program, run, temp } from '../../gpu/program.ts';
import type { Tensor } from '../../gpu/tensor.ts';
import { STORED } from '../stored/formats.ts';
import { tiled, tiledCells } from './gemm-tile.ts';
import { splitsOf } from './gemm-tiles.ts';
import {
  chooseTile,
  chooseVariant,
  type GemmLayout,
  gridOf,
  packedSize,
  packOf,
  reduced,
  type Shape,
  type Variant,
} from './gemm-variants.ts';
import type { Mat, Onto, Operands, Product } from './mat.ts';

export { type Mat, type Product, whole } from './mat.ts';

/**
 * c (+)= a b. nt: c[m,n] = sum a[m,k] b[n,k]; nn: sum a[m,k] b[k,n]; tn: sum a[k,m] b[k,n].
 * accumulate 0 writes (onto what `from` says, where wouldTile() says so), 1 adds.
 */
export function gemm(p: Program, layout: GemmLayout, x: Product, accumulate: 0 | 1, from?: Onto): void {
  const variant = decide(p, () => chooseVariant(layout, shapeOf(x), p.planning));
  multiply(p, variant, x, accumulate, from);
}

/** Whether the product can read b in its stored format, so that it need not be unpacked first. */
export function readsStored(p: Program, layout: GemmLayout, x: Product): boolean {
  return decide(p, () => {
    const { packs, tiled } = chooseVariant(layout, shapeOf(x), p.planning);
    return (packs || Boolean(tiled)) && x.b.at % 4 === 0 && x.b.ld % 4 === 0;
  });
}

/** Whether the product would run in tiles: those can begin at a bias or a residual, and read b with chosen blocks. To be decided once. */
export function wouldTile(p: Program, layout: GemmLayout, x: Product): boolean {
  return Boolean(chooseVariant(layout, shapeOf(x), p.planning).tiled);
}

/** The tile for so many products of one shape at a time; null where none can take it, or they would not fill a GPU. To be decided once. */
export function tileFor(p: Program, layout: GemmLayout, x: Product, products: number): Variant | null {
  const v = chooseTile(layout, shapeOf(x), p.planning, products);
  return v && splitsOf(v, x, products) === 1 ? v : null;
}

function shapeOf({ a, b, c, m, n, k }: Product): Shape {
  return { m, n, k, a_at: a.at, lda: a.ld, b_at: b.at, ldb: b.ld, c_at: c.at, ldc: c.ld };
}

/** The product by a given variant, which must be eligible for it. */
export function multiply(p: Program, v: Variant, x: Product, accumulate: 0 | 1, from?: Onto): void {
  const { c } = x;
  if (v.tiled) {
    tiled(p, v, x, accumulate, from);
    return;
  }
  if (from || x.b.blocks) throw new Error(`expected a tiled product to begin at a bias or read blocks, got ${v.name}`);
  eachPiece(p, v, x, (part, { row, col, first }) => {
    const params = { c_at: c.at + row * c.ld + col, ldc: c.ld, accumulate: first ? accumulate : 1 };
    product(p, v, part, { c: c.t }, params);
  });
}

/**
 * Sums of |c| or c^2 over cells of c = a^T b that is itself never stored: partials [m / cell, n / 4], a cell is `cell` rows x 4 columns
 * and a block of the given edge has whole ones. null where the edge or the sizes do not allow it.
 */
export function productSums(
  p: Program,
  x: Operands,
  { edge, square }: { edge: number; square: boolean },
): { partials: Tensor; cell: number } | null {
  const { m, n, k } = x;
  const { v, cell } = decide(p, () => {
    const v = chooseVariant('tn', shapeOf({ ...x, c: { ...x.a, at: 0, ld: n } }), p.planning);
    const whole = v.vec4 !== 'none' && k <= piecesOf(p, x).deep;
    const serves = (c: number) => edge % c === 0 && (v.consts.ROWS as number) % c === 0 && (m * n) / c <= p.planning.maxBinding;
    return { v, cell: whole ? CELLS.find(serves) : undefined };
  });
  if (!cell) return null;
  const partials = temp(p, 'partials', [m / cell, n / 4]);
  const reducing = { ...v, name: `${v.name}_reduce`, kernel: `${v.kernel}_reduce`, ...reduced(v, cell, square) };
  if (v.tiled) tiledCells(p, reducing, x, partials);
  else
    eachPiece(p, reducing, x, (part, { row, col }) => {
      product(p, reducing, part, { partials }, { c_at: ((row / cell) * n + col) / 4, ldc: n / 4 });
    });
  return { partials, cell };
}

/** Rows of a cell, the largest that serves first. */
const CELLS = [64, 32, 16, 8, 4];

function product(
  p: Program,
  v: Variant,
  { a, b, m, n, k }: Operands,
  out: Record<string, Tensor>,
  params: Record<string, number>,
): void {
  const all = { m, n, k, a_at: a.at, lda: a.ld, b_at: b.at, ldb: b.ld, ...params };
  const grid = m * n === 0 ? [0, 1, 1] : gridOf(v, m, n);
  run(p, kernel(v.kernel, v.parts, v.consts), { a: a.t, b: b.t, ...out }, all, grid, {
    flops: 2 * m * n * k,
    bytes: 4 * (m * k + k * n + m * n),
    product: { padded: 2 * grid[0] * v.tile[1] * grid[1] * v.tile[0] * k, split: 1 },
    reads: 4 * k * n,
    label: p.label ? `${p.label} ${v.name}` : v.name,
  });
}

/** Bytes of packed panels of one operand at most. */
const PACKED_BYTES = 16 << 20;
/** The longest panel: 64 x this many f32 are 2 MiB. */
const LONGEST = 8192;

/** Where a piece of c begins, and whether it is the first along k: that one may write where the others add. */
interface Place {
  row: number;
  col: number;
  first: boolean;
}

/** A variant that packs multiplies piece by piece, so that the panels of a piece stay within a slot; others all at once. */
function eachPiece(p: Program, v: Variant, x: Operands, multiply: (part: Operands, at: Place) => void): void {
  if (!v.packs) {
    multiply(x, { row: 0, col: 0, first: true });
    return;
  }
  const { a, b, m, n, k } = x;
  const aAlongK = v.layout !== 'tn';
  const bAlongK = v.layout === 'nt';
  const { deep, wide, ms, ns, ks } = decide(p, () => piecesOf(p, x));
  for (let row = 0; row < ms * wide; row += wide) {
    for (let at = 0; at < ks * deep; at += deep) {
      const steps = clamp(k - at, deep);
      const first = at === 0;
      const rows = first || steps ? clamp(m - row, wide) : 0;
      const left = packed(p, shifted(a, aAlongK, row, at), aAlongK, rows, steps);
      for (let col = 0; col < ns * wide; col += wide) {
        const cols = clamp(n - col, wide);
        const right = packed(p, shifted(b, bAlongK, col, at), bAlongK, cols, steps);
        multiply({ a: left, b: right, m: rows, n: cols, k: steps }, { row, col, first });
      }
    }
  }
}

function piecesOf(p: Program, { m, n, k }: Operands) {
  const most = Math.min(PACKED_BYTES, p.planning.maxBinding) / 4;
  const deep = Math.max(4, Math.min(4 * Math.ceil(k / 4), 4 * Math.floor(Math.min(LONGEST, most / 64) / 4)));
  const wide = Math.max(64, Math.floor(most / deep / 64) * 64);
  return { deep, wide, ms: Math.ceil(m / wide), ns: Math.ceil(n / wide), ks: Math.ceil(k / deep) };
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
  run(p, kernel(name, parts, consts), { ...source, panel: t }, { rows, k, src_at: x.at, ld: x.ld, dst_at: 0 }, grid, {
    bytes: 8 * rows * k,
  });
  return { t, at: 0, ld: 0 };
}
