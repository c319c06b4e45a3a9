// The two forms of attention's kernels, as data, with the tile sizes that fit a head. They compute the same sums in another order.
// registers: an invocation owns a few queries (or keys) and needs no other: for software adapters, and for heads that fit no tile.
// tiles: a workgroup shares tiles of queries and keys in its memory: for GPUs.

import registersForward from '../../shaders/attention.wgsl?raw' with { type: 'text' };
import registersDkv from '../../shaders/attention_dkv.wgsl?raw' with { type: 'text' };
import registersDq from '../../shaders/attention_dq.wgsl?raw' with { type: 'text' };
import tilesForward from '../../shaders/attention_tiled.wgsl?raw' with { type: 'text' };
import tilesDkv from '../../shaders/attention_tiled_dkv.wgsl?raw' with { type: 'text' };
import tilesDq from '../../shaders/attention_tiled_dq.wgsl?raw' with { type: 'text' };
import { type Kernel, kernel } from '../gpu/program.ts';
import { lanesOf } from './lanes.ts';

export type Form = 'registers' | 'tiles';
export type Pass = 'forward' | 'dq' | 'dkv';

/** One pass over n rows of some heads: its kernel, and how many workgroups it takes. */
export interface Layout {
  kernel: Kernel;
  groups: (n: number, heads: number) => number;
}

/** The kernel of a pass for heads of head_dim and at most n queries; registers where no tile fits. */
export function layoutOf(form: Form, pass: Pass, head_dim: number, n: number): Layout {
  const tile = form === 'tiles' ? tileFor(pass, head_dim) : undefined;
  return tile ? inTiles(pass, head_dim, tile) : inRegisters(pass, head_dim, n);
}

/** Invocations of a workgroup that need nothing from each other: one SIMD group of a software adapter. */
const WIDTH = 8;

/**
 * Numbers of a queries' (or keys') tile in one invocation. More rows load less for each product, but compile longer, with the
 * square of the size: these take about a second on a software adapter. The backward keeps twice as many tiles as the forward.
 */
const ROOM: Record<Pass, number> = { forward: 256, dq: 128, dkv: 128 };

function inRegisters(pass: Pass, head_dim: number, n: number): Layout {
  const rows = Math.max(1, Math.min(8, n, Math.floor(ROOM[pass] / head_dim)));
  const code = { forward: registersForward, dq: registersDq, dkv: registersDkv }[pass];
  const name = { forward: 'attention', dq: 'attention_dq', dkv: 'attention_dkv' }[pass];
  return {
    kernel: kernel(name, [lanesOf(head_dim).part, code], { HD: head_dim, [pass === 'dkv' ? 'BK' : 'BQ']: rows, WG: WIDTH }),
    groups: (n, heads) => Math.ceil((Math.ceil(n / rows) * heads) / WIDTH),
  };
}

/** Scores of one invocation, TQ queries x TK keys; 8 x 8 invocations share a tile. */
type Tile = readonly [TQ: number, TK: number];

/** Every adapter has this much workgroup memory. */
const WORKGROUP_BYTES = 16384;

function inTiles(pass: Pass, head_dim: number, [TQ, TK]: Tile): Layout {
  const code = { forward: tilesForward, dq: tilesDq, dkv: tilesDkv }[pass];
  const name = { forward: 'attention_tiled', dq: 'attention_tiled_dq', dkv: 'attention_tiled_dkv' }[pass];
  const rows = 8 * (pass === 'dkv' ? TK : TQ);
  return {
    kernel: kernel(name, [lanesOf(head_dim).part, code], { HD: head_dim, TQ, TK }),
    groups: (n, heads) => Math.ceil(n / rows) * heads,
  };
}

/** The largest tile whose workgroup memory every adapter has; none for very long heads. */
function tileFor(pass: Pass, head_dim: number): Tile | undefined {
  const sizes: Tile[] = [...(pass === 'forward' ? [[2, 4] as const] : []), [2, 2], [1, 2], [1, 1]];
  return sizes.find(([TQ, TK]) => {
    const [queries, keys] = [8 * TQ, 8 * TK];
    const pitch = head_dim + lanesOf(head_dim).per;
    const rows = { forward: queries + keys, dq: 2 * queries + keys, dkv: queries + 2 * keys }[pass];
    const scores = { forward: 1, dq: 1, dkv: 2 }[pass] * queries * keys;
    return 4 * (rows * pitch + scores + 3 * queries) + 16 <= WORKGROUP_BYTES;
  });
}
