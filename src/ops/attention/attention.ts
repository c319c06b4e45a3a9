// Causal grouped-query attention over packed rows, forward and backward (flash: no tokens x tokens matrix is stored).
// The same op serves training (keys and queries are one stream) and decoding (keys are a cache with room to spare).

import delta from '../../../shaders/attention_delta.wgsl?raw' with { type: 'text' };
import { decide, flows, giveGrad, gradOf, kernel, onBackward, type Program, run, temp } from '../../gpu/program.ts';
import { columns, elementsOf, rowsOf, type Tensor } from '../../gpu/tensor.ts';
import { lanesOf, workgroups } from '../elementwise/lanes.ts';
import { type Form, formFor, type Pass, passKernel } from './forms.ts';

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
  /** Tokens of the longest row, where rows shorter than the stream share it: what a query may see. Counts, and bounds nothing. */
  longest?: number;
  /** Form of the kernels; what suits the device unless said. */
  form?: Form;
}

/**
 * o = softmax(scale q kᵀ) v over the keys lo..last of each query. q [N, n_heads head_dim], k and v [keys, n_kv_heads head_dim]
 * -> [N, n_heads head_dim]; in tiles they may be columns of wider rows, of which the gradients then are columns too: q and k have
 * the columns in theirs that they have in v's. Head h reads kv head floor(h n_kv_heads / n_heads). Throws where head_dim is odd or the heads do not divide.
 */
export function attention(p: Program, q: Tensor, k: Tensor, v: Tensor, options: Attention): Tensor {
  const { lo, last, hi, n_heads, n_kv_heads, head_dim, scale, longest } = options;
  check(q, k, v, options);
  const n = q.shape[0];
  const form = options.form ?? formFor(p.planning);
  const tiles = form === 'tiles';
  const stack = q.of && k.of && v.of ? v.of.t : null;
  const heads = { n, head_dim, group: n_heads / n_kv_heads, stacked: stack !== null };
  const keys = k.shape[0];
  const pairs = keys === n ? (n * (Math.min(n, longest ?? n) + 1)) / 2 : n * Math.min(keys, longest ?? keys); // at most; shorter rows have fewer
  const [ofQ, ofK, ofV] = [q, k, v].map(rowsOf);
  const bound = tiles ? { q: ofQ.t, k: ofK.t, v: ofV.t } : { q, k, v };
  /** Appends a pass, of so many products of a query and a key; ldg: how far rows of what it gives a gradient lie apart. */
  const append = (pass: Pass, bind: Record<string, Tensor>, products: number, ldg = 0) => {
    const made = decide(p, () => passKernel(form, pass, heads, p.planning));
    const { per } = lanesOf(head_dim);
    const floats = { q_at: ofQ.at, ldq: ofQ.ld, k_at: ofK.at, ldk: ofK.ld, v_at: ofV.at, ldv: ofV.ld, ldg };
    const places = Object.fromEntries(Object.entries(floats).map(([name, n]) => [name, n / per]));
    const params = { N: n, n_heads, n_kv_heads, scale, ...(tiles && places) };
    const grid = [made.groups(n, pass === 'dkv' ? n_kv_heads : n_heads)];
    run(p, made.kernel, { ...bound, ...bind }, params, grid, { flops: products * 2 * pairs * n_heads * head_dim });
  };

  const o = temp(p, 'o', [n, n_heads * head_dim]);
  // What the backward needs of each row: its log-sum-exp and delta = sum(do o), side by side. The pass of the queries makes delta
  // itself where it works in tiles; the other forms are given it.
  const stats = temp(p, tiles ? 'stats' : 'lse', tiles ? [n, n_heads, 2] : [n, n_heads], 'activations');
  append('forward', { lo, last, o, [tiles ? 'stats' : 'lse']: stats }, 2);
  if (!flows(p, o, [q, k, v])) return o;

  onBackward(p, () => {
    const d_o = gradOf(p, o);
    if (!d_o) return;
    const [toQ, toKeys] = [p.needs.has(q), p.needs.has(k) || p.needs.has(v)];
    const given = tiles ? stats : deltas(p, o, d_o, stats, head_dim);
    const d_stack = stack && temp(p, `d_${stack.name}`, stack.shape);
    const gradient = (x: Tensor) =>
      d_stack ? columns(d_stack, x.of!.at, x.shape[1], `d_${x.name}`) : temp(p, `d_${x.name}`, x.shape);
    if (toQ || tiles) {
      const d_q = gradient(q);
      const { t, ld } = rowsOf(d_q);
      append('dq', tiles ? { lo, o, d_o, stats, d_q: t } : { lo, last, d_o, stats: given, d_q }, 3, ld);
      if (toQ) giveGrad(p, q, d_q);
    }
    if (toKeys) {
      const [d_k, d_v] = [gradient(k), gradient(v)];
      append('dkv', { hi, d_o, stats: given, ...(d_stack ? { d_kv: d_stack } : { d_k, d_v }) }, 4, rowsOf(d_k).ld);
      giveGrad(p, k, d_k);
      giveGrad(p, v, d_v);
    }
  });
  return o;
}

/** Log-sum-exp and delta = sum(do o) of each row of one head, side by side. */
function deltas(p: Program, o: Tensor, d_o: Tensor, lse: Tensor, head_dim: number): Tensor {
  const stats = temp(p, 'stats', [...lse.shape, 2]);
  const rows = elementsOf(lse.shape);
  const { part } = lanesOf(head_dim);
  run(p, kernel('attention_delta', [part, delta], { HD: head_dim }), { o, d_o, lse, stats }, { rows }, [workgroups(rows)]);
  return stats;
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
