// The tiles of the product on GPUs as data: the parts that one kernel is made of, what pads them, and where a long sum is split.
// Not here: which tile a shape takes (gemm-variants.ts), how it runs (gemm-tile.ts).

import bCode from '../../../shaders/gemm_b.wgsl?raw' with { type: 'text' };
import bStored from '../../../shaders/gemm_b_stored.wgsl?raw' with { type: 'text' };
import bare from '../../../shaders/gemm_bare.wgsl?raw' with { type: 'text' };
import blocksCode from '../../../shaders/gemm_blocks.wgsl?raw' with { type: 'text' };
import half from '../../../shaders/gemm_half.wgsl?raw' with { type: 'text' };
import onto from '../../../shaders/gemm_onto.wgsl?raw' with { type: 'text' };
import ontoBias from '../../../shaders/gemm_onto_bias.wgsl?raw' with { type: 'text' };
import ontoBoth from '../../../shaders/gemm_onto_both.wgsl?raw' with { type: 'text' };
import ontoResidual from '../../../shaders/gemm_onto_residual.wgsl?raw' with { type: 'text' };
import place from '../../../shaders/gemm_place.wgsl?raw' with { type: 'text' };
import placeBlocks from '../../../shaders/gemm_place_blocks.wgsl?raw' with { type: 'text' };
import single from '../../../shaders/gemm_single.wgsl?raw' with { type: 'text' };
import tile from '../../../shaders/gemm_tile.wgsl?raw' with { type: 'text' };
import cells from '../../../shaders/gemm_tile_cells.wgsl?raw' with { type: 'text' };
import store from '../../../shaders/gemm_tile_store.wgsl?raw' with { type: 'text' };
/** TILE_M x TILE_N of C a workgroup, ROWS x 4 COLS4 an invocation. price: of a FLOP, beside the largest tile's; a guess that the tuner mends. */
export const TILES = [
  { name: '128', price: 1, consts: { TILE_M: 128, TILE_N: 128, ROWS: 8, COLS4: 2 } },
  { name: '64', price: 1.15, consts: { TILE_M: 64, TILE_N: 64, ROWS: 8, COLS4: 2 } },
  { name: '64x4', price: 1.15, consts: { TILE_M: 64, TILE_N: 64, ROWS: 8, COLS4: 1 } },
  { name: '32', price: 1.9, consts: { TILE_M: 32, TILE_N: 32, ROWS: 4, COLS4: 1 } },
] as const;

/** Of k that a tile takes at a time. */
export const DEPTH = 16;
/** Fewer workgroups than these leave a GPU's cores without work: then the sum over k is split. */
const FEW_GROUPS = 64;
/** Of k that a workgroup sums at least. */
const SHORTEST = 64;

/** What of a kernel differs with its operands. */
export interface Around {
  /** The format part of a B that is not f32. */
  stored?: string;
  /** B has chosen blocks. */
  blocks?: boolean;
  /** One product a chosen block. */
  places?: boolean;
  /** Sums of cells in the place of C. */
  cells?: boolean;
  onto?: string;
}

/** The parts of a tiled kernel. */
export function tileParts(inHalf: boolean, o: Around = {}): string[] {
  return [
    ...(o.stored ? [o.stored, bStored] : [bCode]),
    o.blocks ? blocksCode : bare,
    o.places ? placeBlocks : place,
    ...(o.cells ? [cells] : [store, o.onto ?? onto]),
    inHalf ? half : single,
    tile,
  ];
}

/** Workgroup tiles filled up, over what is needed. */
export const padded = ([tm, tn]: readonly [number, number], { m, n }: { m: number; n: number }) =>
  (Math.ceil(m / tm) * tm * Math.ceil(n / tn) * tn) / Math.max(1, m * n);

/** Parts that the sum over k is made in: more than one where too few workgroups would run, and k is long enough. */
export function splitsOf(
  v: { tile: readonly [number, number] },
  { m, n, k }: { m: number; n: number; k: number },
  products = 1,
): number {
  const groups = Math.max(1, Math.ceil(m / v.tile[0]) * Math.ceil(n / v.tile[1]) * products);
  return Math.max(1, Math.min(Math.ceil(FEW_GROUPS / groups), Math.floor(k / SHORTEST)));
}

/** The part of an epilogue that begins at a bias, a residual, both or nothing. */
export const ontoPart = (hasBias: boolean, adds: boolean) =>
  hasBias ? (adds ? ontoBoth : ontoBias) : adds ? ontoResidual : onto;
