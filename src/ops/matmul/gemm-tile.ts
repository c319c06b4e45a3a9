// How the tiled product of GPUs runs: its operands by name, what it begins at, and the second dispatch where its sum is split.
// Its tiles and parts are data in gemm-tiles.ts. B may be f32 or a stored format, with differences of chosen blocks added on its way into a tile.

import split from '../../../shaders/gemm_split.wgsl?raw' with { type: 'text' };
import { decide, kernel, type Program, run, temp } from '../../gpu/program.ts';
import type { Tensor } from '../../gpu/tensor.ts';
import { STORED } from '../stored/formats.ts';
import { DEPTH, ontoPart, splitsOf, tileParts } from './gemm-tiles.ts';
import { gridOf, type Variant } from './gemm-variants.ts';
import type { Differences, Mat, Onto, Operands, Product } from './mat.ts';

/** One product a chosen block, instead of one alone: where lists say its block row and column, from word list_at on. */
export interface Places {
  lists: Tensor;
  list_at: number;
  edge: number;
  n: number;
}

/** c (+)= a b by a tiled variant. What is written may begin at more than zero. */
export function tiled(p: Program, v: Variant, x: Product, accumulate: 0 | 1, from: Onto = {}): void {
  const { m, n, k, c } = x;
  const splits = decide(p, () => splitsOf(v, x));
  const steps = DEPTH * Math.ceil(k / splits / DEPTH);
  if (splits === 1) {
    tileRun(p, v, x, { c: c.t }, { c_at: c.at, ldc: c.ld, accumulate }, { steps, splits, plane: 0 }, from);
    return;
  }
  const plane = m * n;
  const planes = temp(p, 'planes', [splits, plane]);
  tileRun(p, v, x, { c: planes }, { c_at: 0, ldc: n, accumulate: 0 }, { steps, splits, plane }, {});
  const params = { m, n, splits, plane, c_at: c.at, ldc: c.ld, accumulate, ...ontoParams(from) };
  const { part, bind } = ontoOf(from);
  run(p, kernel('gemm_split', [split, part]), { planes, c: c.t, ...bind }, params, [Math.ceil(plane / 256)], {
    bytes: 4 * plane * (splits + 1 + accumulate + (from.add ? 1 : 0)),
    label: p.label ? `${p.label} gemm_split` : 'gemm_split',
  });
}

/** c (+)= a b for each chosen block, of a and b as lists say. */
export function tiledPlaces(p: Program, v: Variant, x: Product, accumulate: 0 | 1, places: Places): void {
  const { c } = x;
  const sum = { steps: DEPTH * Math.ceil(x.k / DEPTH), splits: 1, plane: 0 };
  tileRun(p, v, x, { c: c.t }, { c_at: c.at, ldc: c.ld, accumulate }, sum, {}, places);
}

/** Packed matrices of one shape: c = alpha a b + beta d of each, a [m, k], b [n, k] (nt) or [k, n] (nn), c and d [m, n]. */
export interface Items {
  a: Tensor;
  b: Tensor;
  c: Tensor;
  d: Tensor;
  alpha: number;
  beta: number;
}

/** The product of `items` packed matrices by a tiled variant. */
export function tiledItems(p: Program, v: Variant, items: number, sizes: { m: number; n: number; k: number }, x: Items): void {
  const { m, n, k } = sizes;
  const { a, b, c, d, alpha, beta } = x;
  const params = {
    ...{ m, n, k, a_at: 0, lda: k, b_at: 0, ldb: v.layout === 'nt' ? k : n, c_at: 0, ldc: n, accumulate: 0 },
    ...{ steps: DEPTH * Math.ceil(k / DEPTH), splits: 1, plane: 0 },
    ...ontoParams({}),
    ...blockParams(),
  };
  const [gx, gy] = gridOf(v, m, n);
  const made = kernel(`${v.kernel}_items`, tileParts(false, { items: true }), { ...v.consts, ALPHA: alpha, BETA: beta });
  run(p, made, { a, b, c, d }, params, [gx, gy, items], {
    flops: 2 * items * m * n * k,
    bytes: 4 * items * (m * k + n * k + m * n * (beta ? 2 : 1)),
  });
}

/** Sums over cells of a tiled product that is not stored (reduced() in gemm-variants.ts). */
export function tiledCells(p: Program, v: Variant, x: Operands, partials: Tensor): void {
  const steps = DEPTH * Math.ceil(x.k / DEPTH);
  tileRun(p, v, x, { partials }, { c_at: 0, ldc: x.n / 4, accumulate: 0 }, { steps, splits: 1, plane: 0 }, {});
}

function tileRun(
  p: Program,
  v: Variant,
  { a, b, m, n, k }: Operands,
  out: Record<string, Tensor>,
  c: { c_at: number; ldc: number; accumulate: 0 | 1 },
  sum: { steps: number; splits: number; plane: number },
  from: Onto,
  places?: Places,
): void {
  const { stored, blocks } = b;
  const { part, bind } = ontoOf(from);
  const parts = out.partials
    ? v.parts
    : tileParts(Boolean(v.half), {
        stored: stored && STORED[stored.format].part,
        blocks: Boolean(blocks),
        places: Boolean(places),
        onto: part,
      });
  const lists = blocks ?? places;
  const operands: Record<string, Tensor> = {
    a: a.t,
    ...(stored ? { wq: b.t, ...(stored.s && { ws: stored.s }) } : { b: b.t }),
    ...(blocks && { d: blocks.d }),
    ...(lists && { lists: lists.lists }),
    ...out,
    ...bind,
  };
  const params = {
    ...{ m, n, k, a_at: a.at, lda: a.ld, b_at: b.at, ldb: b.ld },
    ...c,
    ...sum,
    ...ontoParams(from),
    ...blockParams(blocks, places),
  };
  const [gx, gy] = gridOf(v, m, n);
  const grid = m * n === 0 ? [0, 1, 1] : [gx, gy, sum.splits * (places?.n ?? 1)];
  const name = `${v.kernel}${blocks ? '_blocks' : places ? '_places' : ''}${stored ? `_${stored.format}` : ''}`;
  const each = places?.n ?? 1;
  run(p, kernel(name, parts, v.consts), operands, params, grid, {
    flops: 2 * m * n * k * each,
    bytes: bytesOf(m, n, k, b, c.accumulate, sum.splits, from) * each,
    product: { padded: 2 * gx * v.tile[1] * gy * v.tile[0] * k * each, split: sum.splits },
    reads: bytesOfB(b) * k * n,
    label: p.label ? `${p.label} ${v.name}` : v.name,
  });
}

/** Bytes of a product: each operand once. */
function bytesOf(m: number, n: number, k: number, b: Mat, accumulate: 0 | 1, splits: number, from: Onto): number {
  const times = splits + accumulate + (from.add ? 1 : 0);
  return 4 * m * k + bytesOfB(b) * k * n + 4 * m * n * times + Math.min(b.blocks?.d.bytes ?? 0, 4 * k * n);
}

/** Bytes of an element as it is stored. */
const bytesOfB = ({ stored }: Mat) => (stored ? STORED[stored.format].bytes / STORED[stored.format].block : 4);

function ontoOf({ bias, add }: Onto): { part: string; bind: Record<string, Tensor> } {
  return {
    part: ontoPart(Boolean(bias), Boolean(add)),
    bind: { ...(bias && { bias: bias.t }), ...(add && { residual: add.t }) },
  };
}

const ontoParams = ({ bias, add }: Onto) => ({ bias_at: bias?.at ?? 0, add_at: add?.at ?? 0, ld_add: add?.ld ?? 0 });

function blockParams(blocks?: Differences, places?: Places) {
  const edge = blocks?.b ?? places?.edge ?? 0;
  return {
    list_at: blocks?.map_at ?? places?.list_at ?? 0,
    edge,
    across: blocks?.across ?? 0,
    per_edge: edge ? 1 / edge : 0,
    line0: blocks?.line0 ?? 0,
  };
}
