// Queries, keys and values on their way to attention over a cache: q turned by position; k turned, and v, at their places in the cache.
// One invocation a pair of dimensions of a token's head; heads of q first, then k's, then v's. Rotary positions as in rope.wgsl.
// q, k and v may be columns of the same rows.

struct Params {
  origin: vec3u,
  N: u32,
  n_heads: u32,
  n_kv_heads: u32,
  half: u32, // head_dim / 2
  capacity: u32, // places of a row of the cache: what is left of a place is the position
  turn: u32, // 0: a layer without positions
  q_at: u32,
  ldq: u32,
  k_at: u32,
  ldk: u32,
  v_at: u32,
  ldv: u32,
}
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read> q: array<f32>; // [N, n_heads, 2, half]
@group(0) @binding(2) var<storage, read> k: array<f32>; // [N, n_kv_heads, 2, half]
@group(0) @binding(3) var<storage, read> v: array<f32>;
@group(0) @binding(4) var<storage, read> places: array<u32>; // rows of the cache
@group(0) @binding(5) var<storage, read> table: array<vec2f>; // [positions, half]: cos, sin
@group(0) @binding(6) var<storage, read_write> turned_q: array<f32>; // [N, n_heads, 2, half]
@group(0) @binding(7) var<storage, read_write> cache_k: array<f32>; // [places, n_kv_heads, 2, half]
@group(0) @binding(8) var<storage, read_write> cache_v: array<f32>;

fn turned(a: f32, b: f32, t: u32, i: u32) -> vec2f {
  if (P.turn == 0u) {
    return vec2f(a, b);
  }
  let turn = table[places[t] % P.capacity * P.half + i];
  return vec2f(a * turn.x - b * turn.y, b * turn.x + a * turn.y);
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let id = (group.x + P.origin.x) * 64u + lane;
  let heads = P.n_heads + 2u * P.n_kv_heads;
  let t = id / (heads * P.half);
  if (t >= P.N) {
    return;
  }
  let h = id / P.half % heads;
  let i = id % P.half;
  if (h < P.n_heads) {
    let source = P.q_at + t * P.ldq + h * 2u * P.half + i;
    let x = turned(q[source], q[source + P.half], t, i);
    let at = (t * P.n_heads + h) * 2u * P.half + i;
    turned_q[at] = x.x;
    turned_q[at + P.half] = x.y;
    return;
  }
  let kv = (h - P.n_heads) % P.n_kv_heads;
  let column = kv * 2u * P.half + i;
  let at = (places[t] * P.n_kv_heads + kv) * 2u * P.half + i;
  if (h < P.n_heads + P.n_kv_heads) {
    let source = P.k_at + t * P.ldk + column;
    let x = turned(k[source], k[source + P.half], t, i);
    cache_k[at] = x.x;
    cache_k[at + P.half] = x.y;
  } else {
    let source = P.v_at + t * P.ldv + column;
    cache_v[at] = v[source];
    cache_v[at + P.half] = v[source + P.half];
  }
}
