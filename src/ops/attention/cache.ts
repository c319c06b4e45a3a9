// A key/value cache for decoding: keys and values of several rows at their places, and attention over them. Where a token is, and what it
// sees, are data, so one trace serves every token. A row has `capacity` places in a run, its first token at the first of them.

import shared from '../../../shaders/attention.wgsl?raw' with { type: 'text' };
import cachedCode from '../../../shaders/attention_cached.wgsl?raw' with { type: 'text' };
import tiledCode from '../../../shaders/attention_cached_tiled.wgsl?raw' with { type: 'text' };
import queries from '../../../shaders/attention_queries.wgsl?raw' with { type: 'text' };
import softmax from '../../../shaders/attention_softmax.wgsl?raw' with { type: 'text' };
import movedCode from '../../../shaders/cache_moved.wgsl?raw' with { type: 'text' };
import turnedCode from '../../../shaders/cache_turned.wgsl?raw' with { type: 'text' };
import { decide, kernel, type Program, run, temp } from '../../gpu/program.ts';
import { resident, rowsOf, type Tensor } from '../../gpu/tensor.ts';
import { lanesOf, workgroups } from '../elementwise/lanes.ts';

/** Keys and values of one layer, turned by position [rows capacity, n_kv_heads head_dim]. */
export interface Cache {
  k: Tensor;
  v: Tensor;
}

export interface CacheHeads {
  n_heads: number;
  n_kv_heads: number;
  head_dim: number;
}

/** Room for `places` tokens. */
export function newCache(name: string, places: number, { n_kv_heads, head_dim }: CacheHeads): Cache {
  const of = (what: string) => resident(`${name} ${what}`, [places, n_kv_heads * head_dim], 'kv');
  return { k: of('k'), v: of('v') };
}

/** Where tokens go: the place of each in the cache [N], u32, what a row has of places, cos and sin of positions, and whether any turns. */
export interface Places {
  places: Tensor;
  capacity: number;
  table: Tensor;
  turn: boolean;
}

/**
 * q [N, n_heads head_dim] turned by position, as the answer; k, turned, and v [N, n_kv_heads head_dim] in the cache. A token's position is
 * its place in its row of the cache. They may be columns of wider rows.
 */
export function intoCache(
  p: Program,
  { q, k, v }: { q: Tensor; k: Tensor; v: Tensor },
  cache: Cache,
  { n_heads, n_kv_heads, head_dim }: CacheHeads,
  { places, capacity, table, turn }: Places,
): Tensor {
  const N = q.shape[0];
  const half = head_dim / 2;
  const turned = temp(p, 'turned_q', q.shape);
  const [ofQ, ofK, ofV] = [q, k, v].map(rowsOf);
  const bind = { q: ofQ.t, k: ofK.t, v: ofV.t, places, table, turned_q: turned, cache_k: cache.k, cache_v: cache.v };
  const from = { q_at: ofQ.at, ldq: ofQ.ld, k_at: ofK.at, ldk: ofK.ld, v_at: ofV.at, ldv: ofV.ld };
  const params = { N, n_heads, n_kv_heads, half, capacity, turn: turn ? 1 : 0, ...from };
  const grid = [workgroups(N * (n_heads + 2 * n_kv_heads) * half)];
  run(p, kernel('cache_turned', [turnedCode]), bind, params, grid, { bytes: 4 * N * head_dim * (2 * n_heads + 4 * n_kv_heads) });
  return turned;
}

/**
 * o = softmax(scale q kᵀ) v for single queries q [N, n_heads head_dim] of N rows, each over the places lo..last of the cache [N], u32:
 * a row's sums are the same whatever is beside it. capacity: places of a row, what a query sees at most.
 */
export function attentionCached(
  p: Program,
  q: Tensor,
  { k, v }: Cache,
  heads: CacheHeads & { lo: Tensor; last: Tensor; scale: number; capacity: number },
): Tensor {
  const { n_heads, n_kv_heads, head_dim, lo, last, scale, capacity } = heads;
  const N = q.shape[0];
  const o = temp(p, 'o', [N, n_heads * head_dim]);
  const { made, HEADS } = decide(p, () => kernelFor(heads, p.planning.software));
  const pairs = N * capacity;
  run(p, made, { q, k, v, lo, last, o }, { N, n_heads, n_kv_heads, scale }, [(N * n_heads) / HEADS], {
    flops: 4 * pairs * n_heads * head_dim,
    bytes: 4 * head_dim * (2 * pairs * n_kv_heads + 2 * N * n_heads),
  });
  return o;
}

/**
 * Each of the cache's rows made what row parents[r] was [rows], u32, in the first reach[0] places: beams that go on from others.
 */
export function moveRows(p: Program, { k, v }: Cache, { parents, reach }: { parents: Tensor; reach: Tensor }): void {
  const ROWS = parents.shape[0];
  const [places, width] = k.shape;
  const capacity = places / ROWS;
  const made = kernel('cache_moved', [movedCode], { ROWS });
  const bind = { parents, reach, cache_k: k, cache_v: v };
  run(p, made, bind, { capacity, width }, [workgroups(capacity * width)], { bytes: 16 * places * width });
}

/** Numbers that an invocation of a software adapter keeps of its queries at most. */
const ROOM = 256;
/** Heads of a workgroup on a GPU at most: each has eight invocations for its softmax. */
const TEAMS = 8;

function kernelFor({ n_heads, n_kv_heads, head_dim }: CacheHeads, software: boolean) {
  const group = n_heads / n_kv_heads;
  const most = software ? Math.max(1, Math.floor(ROOM / head_dim)) : TEAMS;
  const HEADS = Array.from({ length: Math.min(group, most) }, (_, i) => i + 1).findLast((n) => group % n === 0)!;
  const parts = [lanesOf(head_dim).part, shared, queries, softmax];
  const made = software
    ? kernel('attention_cached', [...parts, cachedCode], { HD: head_dim, HEADS })
    : kernel('attention_cached_tiled', [...parts, tiledCode], { HD: head_dim, HEADS });
  return { made, HEADS };
}
