// The forms of attention's kernels, as data, with the tile sizes that fit a head. They compute the same sums in another order.
// registers: an invocation owns a few queries (or keys) and needs no other. The plain form, for any device and any head.
// subgroup: the same, but the invocations of a subgroup load keys (or queries) for each other: for software adapters.
// tiles: a workgroup shares tiles of queries and keys in its memory: for GPUs.

import shared from '../../../shaders/attention.wgsl?raw' with { type: 'text' };
import backward from '../../../shaders/attention_backward.wgsl?raw' with { type: 'text' };
import registersDkv from '../../../shaders/attention_dkv.wgsl?raw' with { type: 'text' };
import registersDq from '../../../shaders/attention_dq.wgsl?raw' with { type: 'text' };
import registersForward from '../../../shaders/attention_forward.wgsl?raw' with { type: 'text' };
import keys from '../../../shaders/attention_keys.wgsl?raw' with { type: 'text' };
import queries from '../../../shaders/attention_queries.wgsl?raw' with { type: 'text' };
import softmax from '../../../shaders/attention_softmax.wgsl?raw' with { type: 'text' };
import subgroup from '../../../shaders/attention_subgroup.wgsl?raw' with { type: 'text' };
import subgroupDkv from '../../../shaders/attention_subgroup_dkv.wgsl?raw' with { type: 'text' };
import subgroupDq from '../../../shaders/attention_subgroup_dq.wgsl?raw' with { type: 'text' };
import subgroupForward from '../../../shaders/attention_subgroup_forward.wgsl?raw' with { type: 'text' };
import tiled from '../../../shaders/attention_tiled.wgsl?raw' with { type: 'text' };
import apart from '../../../shaders/attention_tiled_apart.wgsl?raw' with { type: 'text' };
import tiledDkv from '../../../shaders/attention_tiled_dkv.wgsl?raw' with { type: 'text' };
import tiledDq from '../../../shaders/attention_tiled_dq.wgsl?raw' with { type: 'text' };
import tiledForward from '../../../shaders/attention_tiled_forward.wgsl?raw' with { type: 'text' };
import together from '../../../shaders/attention_tiled_together.wgsl?raw' with { type: 'text' };
import type { Limits } from '../../gpu/limits.ts';
import { type Kernel, kernel } from '../../gpu/program.ts';
import { lanesOf } from '../elementwise/lanes.ts';

export type Form = 'registers' | 'subgroup' | 'tiles';
export type Pass = 'forward' | 'dq' | 'dkv';

/** What a kernel depends on: the largest number of queries, and heads of head_dim of which `group` share a kv head. */
export interface Heads {
  n: number;
  head_dim: number;
  group: number;
  /** Whether queries, keys and values are columns of the same rows. */
  stacked?: boolean;
}

/** One pass over n rows of some heads (kv heads for dkv): its kernel, and how many workgroups it takes. */
export interface PassKernel {
  kernel: Kernel;
  groups: (n: number, heads: number) => number;
}

/** What a pass needs where an invocation owns queries or keys. */
const PARTS: Record<Pass, string[]> = {
  forward: [shared, queries, softmax],
  dq: [shared, queries, backward],
  dkv: [shared, keys, backward],
};

/** The form for a device where nothing was measured. */
export function formFor(limits: Limits): Form {
  if (!limits.software) return 'tiles';
  return shareOf(limits) ? 'subgroup' : 'registers';
}

/** The kernel of a pass; registers where the device has no subgroups or the queries are too few for one. */
export function passKernel(form: Form, pass: Pass, heads: Heads, limits: Limits): PassKernel {
  const share = shareOf(limits);
  if (form === 'subgroup' && share && heads.n >= share) return inSubgroups(pass, heads, share);
  if (form === 'tiles') return inTiles(pass, heads);
  return inRegisters(pass, heads);
}

/** Invocations of a workgroup that need nothing from each other: one SIMD group of a software adapter. */
const WIDTH = 8;

/**
 * Queries (or keys) of one invocation. More of them load less for each product, but compile longer, with the square of what stays
 * in registers: `room` numbers a tile take about a second on a software adapter.
 */
function rowsOf({ n, head_dim }: Heads, most: number, room: number): number {
  return Math.max(1, Math.min(most, n, Math.floor(room / head_dim)));
}

function inRegisters(pass: Pass, heads: Heads): PassKernel {
  const rows = pass === 'forward' ? rowsOf(heads, 8, 256) : rowsOf(heads, 4, 128); // the backward keeps twice as many tiles
  const code = { forward: registersForward, dq: registersDq, dkv: registersDkv }[pass];
  const consts = { HD: heads.head_dim, [pass === 'dkv' ? 'BK' : 'BQ']: rows, WG: WIDTH };
  return {
    kernel: kernel(`attention_${pass}`, [lanesOf(heads.head_dim).part, ...PARTS[pass], code], consts),
    groups: (n, heads) => Math.ceil((Math.ceil(n / rows) * heads) / WIDTH),
  };
}

/** How many invocations share what they load; none where the device has no subgroups of four. */
function shareOf({ subgroups }: Limits): 8 | 4 | undefined {
  return subgroups >= 8 ? 8 : subgroups >= 4 ? 4 : undefined;
}

function inSubgroups(pass: Pass, heads: Heads, SHARE: 8 | 4): PassKernel {
  const rows = rowsOf(heads, 4, 128);
  const code = { forward: subgroupForward, dq: subgroupDq, dkv: subgroupDkv }[pass];
  // Heads that share keys are neighbours: the fewer queries side by side, the fewer keys that only some of them see.
  const HEADS = pass === 'dkv' ? 1 : [8, 4, 2, 1].find((h) => SHARE % h === 0 && heads.group % h === 0)!;
  const consts: Record<string, number> = pass === 'dkv' ? { BK: rows } : { BQ: rows, HEADS };
  return {
    kernel: kernel(`attention_subgroup_${pass}`, [lanesOf(heads.head_dim).part, ...PARTS[pass], subgroup, code], {
      HD: heads.head_dim,
      SHARE,
      ...consts,
    }),
    groups: (n, heads) => Math.ceil(n / ((rows * SHARE) / HEADS)) * (heads / HEADS),
  };
}

/** Rows that a workgroup owns, and the invocations that share them: attention_tiled.wgsl. */
const ROWS = 32;
const ACROSS = 16;
/** Elements of an output row that an invocation holds at most; of keys, which have two outputs, half as many. */
const MOST_OWNED = 4;

function inTiles(pass: Pass, { head_dim, stacked }: Heads): PassKernel {
  const code = { forward: [tiledForward], dq: [tiledDq], dkv: [stacked ? together : apart, tiledDkv] }[pass];
  const { part, per } = lanesOf(head_dim);
  const all = Math.ceil(head_dim / per / ACROSS);
  const OWN = Math.min(all, pass === 'dkv' ? MOST_OWNED / 2 : MOST_OWNED);
  const PARTS = Math.ceil(all / OWN);
  return {
    kernel: kernel(`attention_tiled_${pass}`, [part, tiled, ...code], { HD: head_dim, OWN, PARTS }),
    groups: (n, heads) => Math.ceil(n / ROWS) * heads * PARTS,
  };
}
