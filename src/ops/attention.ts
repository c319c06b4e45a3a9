// Causal grouped-query attention over packed rows, forward and backward (flash: no tokens x tokens matrix is stored).
// The same op serves training (keys and queries are one stream) and decoding (keys are a cache with room to spare).

import forward from '../../shaders/attention.wgsl?raw' with { type: 'text' };
import delta from '../../shaders/attention_delta.wgsl?raw' with { type: 'text' };
import dkv from '../../shaders/attention_dkv.wgsl?raw' with { type: 'text' };
import dq from '../../shaders/attention_dq.wgsl?raw' with { type: 'text' };
import { decide, flows, giveGrad, gradOf, kernel, onBackward, type Program, run, temp } from '../gpu/program.ts';
import type { Tensor } from '../gpu/tensor.ts';
import { groupsOf, lanesOf } from './lanes.ts';

/** Who sees whom, and the shape of the heads. */
export interface Attention {
  /** First key that each query sees [N], u32: the start of its row. */
  lo: Tensor;
  /** Last key that each query sees [N], u32: the query itself in training, its position in decoding. */
  last: Tensor;
  /** Index of the last token of each token's row [N], u32: read by the backward, which takes last[t] = t. */
  hi: Tensor;
  n_heads: number;
  n_kv_heads: number;
  head_dim: number;
  /** Factor of the scores, usually head_dim ** -0.5. */
  scale: number;
}

/**
 * o = softmax(scale q kᵀ) v over the keys lo..last of each query. q [N, n_heads head_dim], k and v [keys, n_kv_heads head_dim]
 * -> [N, n_heads head_dim]; head h reads kv head floor(h n_kv_heads / n_heads). Throws where head_dim is odd or the heads do not divide.
 */
export function attention(p: Program, q: Tensor, k: Tensor, v: Tensor, options: Attention): Tensor {
  const { lo, last, hi, n_heads, n_kv_heads, head_dim, scale } = options;
  check(q, k, v, options);
  const n = q.shape[0];
  const tile = decide(p, () => tileOf(n, head_dim, 256));
  const backTile = decide(p, () => tileOf(n, head_dim, 128));
  const { part } = lanesOf(head_dim);
  const params = { n, n_heads, n_kv_heads, scale };
  const grid = (tile: number, heads: number) => [Math.ceil((Math.ceil(n / tile) * heads) / WIDTH)];
  const pairs = (n * (n + 1)) / 2; // at most; rows shorter than the stream have fewer
  const product = 2 * pairs * n_heads * head_dim;

  const o = temp(p, 'o', [n, n_heads * head_dim]);
  const lse = temp(p, 'lse', [n, n_heads], 'activations');
  const fwd = kernel('attention', [part, forward], { HD: head_dim, BQ: tile, WG: WIDTH });
  run(p, fwd, { q, k, v, lo, last, o, lse }, params, grid(tile, n_heads), { flops: 2 * product });
  if (!flows(p, o, [q, k, v])) return o;

  onBackward(p, () => {
    const d_o = gradOf(p, o);
    if (!d_o) return;
    const stats = temp(p, 'stats', [n, n_heads, 2]);
    const rows = n * n_heads;
    run(p, kernel('attention_delta', [part, delta], { HD: head_dim }), { o, d_o, lse, stats }, { rows }, [groupsOf(rows)]);
    if (p.needs.has(q)) {
      const d_q = temp(p, `d_${q.name}`, q.shape);
      const back = kernel('attention_dq', [part, dq], { HD: head_dim, BQ: backTile, WG: WIDTH });
      run(p, back, { q, k, v, lo, last, d_o, stats, d_q }, params, grid(backTile, n_heads), { flops: 3 * product });
      giveGrad(p, q, d_q);
    }
    if (p.needs.has(k) || p.needs.has(v)) {
      const d_k = temp(p, `d_${k.name}`, k.shape);
      const d_v = temp(p, `d_${v.name}`, v.shape);
      const back = kernel('attention_dkv', [part, dkv], { HD: head_dim, BK: backTile, WG: WIDTH });
      run(p, back, { q, k, v, hi, d_o, stats, d_k, d_v }, params, grid(backTile, n_kv_heads), { flops: 4 * product });
      giveGrad(p, k, d_k);
      giveGrad(p, v, d_v);
    }
  });
  return o;
}

/** Invocations a workgroup: one SIMD group of a software adapter. */
const WIDTH = 8;

/**
 * Queries (or keys) that one invocation owns. More of them load less for each product, but compile longer: `most` bounds
 * tile x head_dim, so that a kernel compiles in about a second on a software adapter.
 */
function tileOf(n: number, head_dim: number, most: number): number {
  return Math.max(1, Math.min(8, n, Math.floor(most / head_dim)));
}

function check(q: Tensor, k: Tensor, v: Tensor, { n_heads, n_kv_heads, head_dim }: Attention): void {
  if (head_dim % 2 || head_dim < 2)
    throw new Error(`expected an even head_dim, got ${head_dim}: this model's attention is not supported`);
  if (n_heads % n_kv_heads)
    throw new Error(`expected n_kv_heads to divide n_heads, got ${n_kv_heads} and ${n_heads}: check the model's config`);
  const wide = (t: Tensor, heads: number) => t.shape[t.shape.length - 1] === heads * head_dim;
  if (!wide(q, n_heads) || !wide(k, n_kv_heads) || !wide(v, n_kv_heads))
    throw new Error(
      `expected rows of ${n_heads} and ${n_kv_heads} heads of ${head_dim}, got q [${q.shape}], k [${k.shape}], v [${v.shape}]: ` +
        'check the shapes of the projections',
    );
}
