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
import itemsPlace from '../../../shaders/muon_place.wgsl?raw' with { type: 'text' };
import itemsStore from '../../../shaders/muon_store.wgsl?raw' with { type: 'text' };

/** Fewer workgroups than these leave cores of any GPU without work, and of a large one: then the sum over k is split. */
const FEW = 64;
const FEW_OF_LARGE = 1024;

/**
 * TILE_M x TILE_N of C a workgroup, ROWS x 4 COLS4 an invocation. few: workgroups below which the sum is split. price: of a FLOP in a
 * product that fills the GPU, beside the largest tile's on an H200 (docs/gpu.md); a guess that the tuner mends. None: for the tuner alone.
 */
export const TILES = [
  { name: '128', few: FEW, price: 1, consts: { TILE_M: 128, TILE_N: 128, ROWS: 8, COLS4: 2 } },
  { name: '64x4', few: FEW, price: 1.05, consts: { TILE_M: 64, TILE_N: 64, ROWS: 8, COLS4: 1 } },
  { name: '64', few: FEW, price: 1.3, consts: { TILE_M: 64, TILE_N: 64, ROWS: 8, COLS4: 2 } },
  { name: '32', few: FEW, price: 1.6, consts: { TILE_M: 32, TILE_N: 32, ROWS: 4, COLS4: 1 } },
  { name: '64x4_many', few: FEW_OF_LARGE, price: null, consts: { TILE_M: 64, TILE_N: 64, ROWS: 8, COLS4: 1 } },
] as const;

/** Of k that a tile takes at a time. */
export const DEPTH = 16;
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
  /** One product a packed matrix, scaled and added to another. */
  items?: boolean;
  /** Sums of cells in the place of C. */
  cells?: boolean;
  onto?: string;
}

/** The parts of a tiled kernel. */
export function tileParts(inHalf: boolean, o: Around = {}): string[] {
  return [
    ...(o.stored ? [o.stored, bStored] : [bCode]),
    o.blocks ? blocksCode : bare,
    o.items ? itemsPlace : o.places ? placeBlocks : place,
    ...(o.items ? [itemsStore] : o.cells ? [cells] : [store, o.onto ?? onto]),
    inHalf ? half : single,
    tile,
  ];
}

/** Workgroup tiles filled up, over what is needed. */
export const padded = ([tm, tn]: readonly [number, number], { m, n }: { m: number; n: number }) =>
  (Math.ceil(m / tm) * tm * Math.ceil(n / tn) * tn) / Math.max(1, m * n);

/** Parts that the sum over k is made in: more than one where too few workgroups would run, and k is long enough. */
export function splitsOf(
  { tile, tiled }: { tile: readonly [number, number]; tiled?: { few: number } },
  { m, n, k }: { m: number; n: number; k: number },
  products = 1,
): number {
  const groups = Math.max(1, Math.ceil(m / tile[0]) * Math.ceil(n / tile[1]) * products);
  return Math.max(1, Math.min(Math.ceil((tiled?.few ?? FEW) / groups), Math.floor(k / SHORTEST)));
}

/** The part of an epilogue that begins at a bias, a residual, both or nothing. */
export const ontoPart = (hasBias: boolean, adds: boolean) =>
  hasBias ? (adds ? ontoBoth : ontoBias) : adds ? ontoResidual : onto;
