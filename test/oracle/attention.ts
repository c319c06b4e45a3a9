// f64 reference of causal attention with grouped queries over packed rows: token t sees the tokens lo[t] .. t, where lo[t]
// is the index of its row's first token. Query head h reads key head floor(h H_kv / H); scale 1 / sqrt(head_dim).
import type { Numbers } from '../compare.ts';

export type Heads = { n_heads: number; n_kv_heads: number; head_dim: number };

/** y[N,H,head_dim] and lse[N,H], the log-sum-exp of each query's scores, of q[N,H,head_dim], k and v[N,K,head_dim]. */
export function attention(q: Numbers, k: Numbers, v: Numbers, lo: Numbers, heads: Heads) {
  const { n_heads, n_kv_heads, head_dim } = heads;
  const y = new Float64Array(lo.length * n_heads * head_dim);
  const lse = new Float64Array(lo.length * n_heads);
  for (let t = 0; t < lo.length; t++)
    for (let h = 0; h < n_heads; h++) {
      const { p, lse: total } = probabilities(q, k, lo[t], t, h, heads);
      lse[t * n_heads + h] = total;
      const at = (t * n_heads + h) * head_dim;
      for (let s = lo[t]; s <= t; s++) {
        const from = keyAt(s, h, n_heads, n_kv_heads, head_dim);
        for (let d = 0; d < head_dim; d++) y[at + d] += p[s - lo[t]] * v[from + d];
      }
    }
  return { y, lse };
}

/** dq, dk, dv from dy[N,H,head_dim]. With dp = dy·v: dv += p dy, dscore = p (dp - Σ p dp), dq += dscore k, dk += dscore q. */
export function attentionBackward(dy: Numbers, q: Numbers, k: Numbers, v: Numbers, lo: Numbers, heads: Heads) {
  const { n_heads, n_kv_heads, head_dim } = heads;
  const scale = 1 / Math.sqrt(head_dim);
  const [dq, dk, dv] = [q, k, v].map((a) => new Float64Array(a.length));
  for (let t = 0; t < lo.length; t++)
    for (let h = 0; h < n_heads; h++) {
      const { p } = probabilities(q, k, lo[t], t, h, heads);
      const at = (t * n_heads + h) * head_dim;
      const dp = p.map((_, j) => dot(dy, at, v, keyAt(lo[t] + j, h, n_heads, n_kv_heads, head_dim), head_dim));
      const mean = p.reduce((sum, pj, j) => sum + pj * dp[j], 0);
      for (let s = lo[t]; s <= t; s++) {
        const j = s - lo[t];
        const from = keyAt(s, h, n_heads, n_kv_heads, head_dim);
        const dscore = p[j] * (dp[j] - mean) * scale;
        for (let d = 0; d < head_dim; d++) {
          dv[from + d] += p[j] * dy[at + d];
          dq[at + d] += dscore * k[from + d];
          dk[from + d] += dscore * q[at + d];
        }
      }
    }
  return { dq, dk, dv };
}

/** The softmax of one query's scores over the tokens lo .. t, and its log-sum-exp. */
function probabilities(q: Numbers, k: Numbers, lo: number, t: number, h: number, { n_heads, n_kv_heads, head_dim }: Heads) {
  const scores = new Float64Array(t - lo + 1);
  for (let s = lo; s <= t; s++) {
    const key = keyAt(s, h, n_heads, n_kv_heads, head_dim);
    scores[s - lo] = dot(q, (t * n_heads + h) * head_dim, k, key, head_dim) / Math.sqrt(head_dim);
  }
  const top = Math.max(...scores);
  const lse = top + Math.log(scores.reduce((sum, s) => sum + Math.exp(s - top), 0));
  return { p: scores.map((s) => Math.exp(s - lse)), lse };
}

/** Where the key (or value) that query head h reads of token s begins. */
function keyAt(s: number, h: number, n_heads: number, n_kv_heads: number, head_dim: number): number {
  return (s * n_kv_heads + Math.floor((h * n_kv_heads) / n_heads)) * head_dim;
}

function dot(a: Numbers, i: number, b: Numbers, j: number, n: number): number {
  let sum = 0;
  for (let d = 0; d < n; d++) sum += a[i + d] * b[j + d];
  return sum;
}
