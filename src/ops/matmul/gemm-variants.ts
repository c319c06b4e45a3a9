// The variants of the f32 product as data, and which of them a shape and a device can take. How they run is in gemm.ts.
// Software adapters pay for every load, so they multiply from packed panels; GPUs share tiles in workgroup memory (gemm-tiles.ts).

import pack from '../../../shaders/gemm_pack.wgsl?raw' with { type: 'text' };
import packAny from '../../../shaders/gemm_pack_any.wgsl?raw' with { type: 'text' };
import packStored from '../../../shaders/gemm_pack_stored.wgsl?raw' with { type: 'text' };
import packVec4 from '../../../shaders/gemm_pack_vec4.wgsl?raw' with { type: 'text' };
import packed from '../../../shaders/gemm_packed.wgsl?raw' with { type: 'text' };
import packedPlain from '../../../shaders/gemm_packed_plain.wgsl?raw' with { type: 'text' };
import plain from '../../../shaders/gemm_plain.wgsl?raw' with { type: 'text' };
import reduce from '../../../shaders/gemm_reduce.wgsl?raw' with { type: 'text' };
import store from '../../../shaders/gemm_store.wgsl?raw' with { type: 'text' };
import type { Planning } from '../../gpu/limits.ts';
import { padded, splitsOf, TILES, tileParts } from './gemm-tiles.ts';

export type GemmLayout = 'nt' | 'nn' | 'tn';

/** Sizes of C = A B and where the operands lie: element offsets and distances between rows. */
export interface Shape {
  m: number;
  n: number;
  k: number;
  a_at: number;
  lda: number;
  b_at: number;
  ldb: number;
  c_at: number;
  ldc: number;
}

/** What a device is, as far as the choice goes. */
export type Device = Partial<Pick<Planning, 'software' | 'subgroups' | 'half' | 'choices'>>;

export interface Variant {
  name: string;
  /** The kernel's name: layouts that differ only in packing share one pipeline. */
  kernel: string;
  layout: GemmLayout;
  parts: string[];
  consts: Record<string, number | boolean>;
  /** Rows and columns of C per workgroup. */
  tile: [number, number];
  /** Both operands are packed into panels first (packOf), two more dispatches and two temporaries. */
  packs: boolean;
  /** What must be multiples of 4: nothing; offset, row distance and n of C; the same and the contiguous dimensions of A, B and C. */
  vec4: 'none' | 'c' | 'all';
  /** For software adapters alone: hundreds of private numbers an invocation, or workgroups of a few, which a GPU has no use for. */
  only?: 'software';
  /** The subgroup size that it needs at least. */
  lanes?: number;
  /** In tiles of workgroup memory (gemm-tiles.ts), for GPUs: reads B in any stored format, with chosen blocks, and may split the sum. */
  tiled?: { few: number; price: number | null };
  /** Rounds operands to f16. */
  half?: boolean;
}

const LAYOUTS: GemmLayout[] = ['nt', 'nn', 'tn'];
const turns = (layout: GemmLayout) => ({ AT: layout === 'tn', BT: layout === 'nt' });

/** All variants, a device's favourites first. */
export const VARIANTS: Variant[] = LAYOUTS.flatMap((layout): Variant[] => [
  {
    name: `gemm_packed8_${layout}`,
    kernel: 'gemm_packed8',
    layout,
    parts: [store, packed],
    consts: { LANES: 8, ROWS: 64, COLS4: 2 },
    tile: [64, 64],
    packs: true,
    only: 'software',
    vec4: 'c',
    lanes: 8,
  },
  {
    name: `gemm_packed4_${layout}`,
    kernel: 'gemm_packed4',
    layout,
    parts: [store, packed],
    consts: { LANES: 4, ROWS: 32, COLS4: 1 },
    tile: [32, 16],
    packs: true,
    only: 'software',
    vec4: 'c',
    lanes: 4,
  },
  {
    name: `gemm_packed_plain_${layout}`,
    kernel: 'gemm_packed_plain',
    layout,
    parts: [store, packedPlain],
    consts: { ROWS: 16, COLS4: 4 },
    tile: [16, 128],
    packs: true,
    only: 'software',
    vec4: 'c',
  },
  ...tiles(layout),
  {
    name: `gemm_plain_${layout}`,
    kernel: 'gemm_plain',
    layout,
    parts: [plain],
    consts: turns(layout),
    tile: [32, 32],
    packs: false,
    vec4: 'none',
  },
]);

/** Every tile in one layout, in single and in half precision. */
function tiles(layout: GemmLayout): Variant[] {
  return [false, true].flatMap((half) =>
    TILES.map(({ name, few, price, consts }) => ({
      name: `gemm_${half ? 'half' : 'tile'}${name}_${layout}`,
      kernel: `gemm_${half ? 'half' : 'tile'}${name.replace('_many', '')}`,
      layout,
      parts: tileParts(half),
      consts: { ...turns(layout), ...consts },
      tile: [consts.TILE_M, consts.TILE_N] as [number, number],
      packs: false,
      vec4: 'all' as const,
      tiled: { few, price },
      ...(half && { half }),
    })),
  );
}

/** Whether a variant can take a shape on a device. */
export function eligible(v: Pick<Variant, 'layout' | 'vec4' | 'only' | 'lanes' | 'half'>, shape: Shape, device: Device): boolean {
  if (v.only && !device.software) return false;
  if ((v.lanes ?? 0) > (device.subgroups ?? 0)) return false;
  if (v.half && !device.half) return false;
  const fours = (...sizes: number[]) => sizes.every((s) => s % 4 === 0);
  const { m, n, k } = shape;
  if (v.vec4 === 'none') return true;
  if (!fours(n, shape.c_at, shape.ldc)) return false;
  if (v.vec4 === 'c') return true;
  return fours(shape.a_at, shape.lda, shape.b_at, shape.ldb, v.layout === 'tn' ? m : k, v.layout === 'nt' ? k : n);
}

/**
 * The variant for a shape: half precision where it was asked for, the tuner's choice for its class, else the default of the device: packed
 * panels on software adapters, on others the tile that fits.
 */
export function chooseVariant(layout: GemmLayout, shape: Shape, device: Device = {}): Variant {
  const able = ableFor(layout, shape, device);
  const tuned = able.find((v) => v.name === device.choices?.[classOf(layout, shape, device)]);
  const packs = device.software ? able.find((v) => v.packs) : undefined;
  return tuned ?? packs ?? fitting(able, shape) ?? able[able.length - 1];
}

/** Workgroups that a large GPU runs at once. */
const WAVE = 128;

/** The tile for `products` of one shape at a time, if one can take it. */
export function chooseTile(layout: GemmLayout, shape: Shape, device: Device, products: number): Variant | undefined {
  return fitting(ableFor(layout, shape, device), shape, products);
}

/** What can take a shape on a device: in half precision alone where that was asked for. */
function ableFor(layout: GemmLayout, shape: Shape, device: Device): Variant[] {
  const able = VARIANTS.filter((v) => v.layout === layout && eligible(v, shape, device));
  const halves = able.filter((v) => v.half);
  return halves.length ? halves : able;
}

/** The tile that takes the least time by count: what pads it, what a FLOP costs in it, how far its workgroups fill a GPU. */
function fitting(able: Variant[], shape: Shape, products = 1): Variant | undefined {
  const cost = (v: Variant, price: number) => {
    const splits = splitsOf(v, shape, products);
    const groups = gridOf(v, shape.m, shape.n).reduce((a, b) => a * b) * products * splits;
    return padded(v.tile, shape) * price * (WAVE / groups) * Math.ceil(groups / WAVE) * (splits > 1 ? SPLITTING : 1);
  };
  const tiled = able.flatMap((v) => (v.tiled?.price ? [{ v, cost: cost(v, v.tiled.price) }] : []));
  return tiled.reduce((best, x) => (x.cost < best.cost ? x : best), tiled[0])?.v;
}

/** What it costs to add the parts of a split sum. */
const SPLITTING = 1.3;

/**
 * Shapes that one measurement stands for: layout, rough number of rows, and what divides by 4; on GPUs also how many tiles of 64 x 64 there
 * are, to a power of two, since that decides how far a tile of another size fills the device.
 */
export function classOf(layout: GemmLayout, shape: Shape, { software }: Pick<Device, 'software'>): string {
  const rows = shape.m <= 16 ? 16 : shape.m <= 64 ? 64 : shape.m <= 256 ? 256 : 'many';
  const divides = (['all', 'c', 'none'] as const).find((vec4) => eligible({ layout, vec4 }, shape, {}));
  const key = `gemm ${layout} ${rows} ${divides}`;
  if (software) return key;
  const tiles = Math.ceil(shape.m / 64) * Math.ceil(shape.n / 64);
  return `${key}, 2^${Math.min(MANY, Math.floor(Math.log2(Math.max(1, tiles))))} tiles`;
}

/** From so many tiles on, as a power of two, any size of them fills any GPU. */
const MANY = 10;

/** A variant's name in any layout. */
export const plainName = ({ name, layout }: Pick<Variant, 'name' | 'layout'>) => name.slice(0, -layout.length - 1);

/** Workgroups of a product. */
export function gridOf(v: Variant, m: number, n: number): [number, number, number] {
  return [Math.ceil(n / v.tile[1]), Math.ceil(m / v.tile[0]), 1];
}

/** A variant's parts and constants with sums over cells of `cell` rows in the place of stores (gemm_reduce, gemm_tile_cells). */
export function reduced(v: Variant, cell: number, square: boolean): Pick<Variant, 'parts' | 'consts'> {
  const parts = v.tiled ? tileParts(Boolean(v.half), { cells: true }) : v.parts.map((part) => (part === store ? reduce : part));
  return { parts, consts: { ...v.consts, CELL: cell, SQUARE: square } };
}

/**
 * The kernel that packs an operand: alongK where it lies [rows, k]; vec4 where offset, ld and contiguous size are multiples of 4;
 * stored: the format part of a weight that is not f32.
 */
export function packOf(alongK: boolean, vec4: boolean, stored?: string) {
  const consts = { ALONG_K: alongK };
  if (stored) return { name: 'gemm_pack_stored', parts: [stored, pack, packStored], consts };
  return vec4
    ? { name: 'gemm_pack', parts: [pack, packVec4], consts }
    : { name: 'gemm_pack_any', parts: [pack, packAny], consts };
}

/** Elements of an operand in panels. */
export const packedSize = (rows: number, k: number) => 64 * Math.ceil(rows / 64) * 4 * Math.ceil(k / 4);
