// What all kernels of attention share: o = softmax(scale q kᵀ) v, causal within packed rows, several heads to a kv head.
// Scores of all tokens by all tokens are never stored. Parts: lanes.

const HD = 64u; // head_dim
const C = HD / LANES; // elements of a head
const LOWEST = -3.4e38; // a score that is not seen

struct Params {
  origin: vec3u,
  N: u32, // queries
  n_heads: u32,
  n_kv_heads: u32,
  scale: f32,
}
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read> q: array<E>; // [N, n_heads, C]
@group(0) @binding(2) var<storage, read> k: array<E>; // [keys, n_kv_heads, C]
@group(0) @binding(3) var<storage, read> v: array<E>;

/// The kv head that a head reads.
fn kv_of(head: u32) -> u32 {
  return head / (P.n_heads / P.n_kv_heads);
}

/// Where the row of query t begins in q, o and their gradients.
fn query_at(t: u32, head: u32) -> u32 {
  return (t * P.n_heads + head) * C;
}

/// Where the row of key j begins in k, v and their gradients.
fn key_at(j: u32, kv: u32) -> u32 {
  return (j * P.n_kv_heads + kv) * C;
}
