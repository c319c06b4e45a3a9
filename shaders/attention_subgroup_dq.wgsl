// Attention backward, the queries, where the SHARE invocations of a workgroup are one subgroup: what attention_dq.wgsl computes,
// with keys and values loaded once for all and broadcast, as attention_subgroup.wgsl does. Parts: lanes.

const HD = 64u;
const BQ = 4u;
const SHARE = 8u;
const HEADS = 1u; // divides SHARE and n_heads / n_kv_heads
const C = HD / LANES;
const LOADS = (C + SHARE - 1u) / SHARE;

struct Params { origin: vec3u, n: u32, n_heads: u32, n_kv_heads: u32, scale: f32 }
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read> q: array<E>;
@group(0) @binding(2) var<storage, read> k: array<E>;
@group(0) @binding(3) var<storage, read> v: array<E>;
@group(0) @binding(4) var<storage, read> lo: array<u32>;
@group(0) @binding(5) var<storage, read> last: array<u32>;
@group(0) @binding(6) var<storage, read> d_o: array<E>;
@group(0) @binding(7) var<storage, read> stats: array<vec2f>; // [n, n_heads]: log-sum-exp, delta
@group(0) @binding(8) var<storage, read_write> d_q: array<E>;

@compute @workgroup_size(SHARE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let id = group.x + P.origin.x;
  let tiles = SHARE / HEADS;
  let blocks = (P.n + BQ * tiles - 1u) / (BQ * tiles);
  let front = (blocks - 1u - id / (P.n_heads / HEADS)) * tiles * BQ;
  let t0 = front + lane / HEADS * BQ;
  let h = id % (P.n_heads / HEADS) * HEADS + lane % HEADS;
  let kv = h / (P.n_heads / P.n_kv_heads);

  var x: array<E, BQ * C>;
  var dy: array<E, BQ * C>;
  var acc: array<E, BQ * C>;
  var row_stats: array<vec2f, BQ>;
  var first: array<u32, BQ>;
  var end: array<u32, BQ>;
  // @unroll
  for (var i = 0u; i < BQ; i++) {
    let t = min(t0 + i, P.n - 1u);
    let row = (t * P.n_heads + h) * C;
    // @unroll
    for (var c = 0u; c < C; c++) {
      x[i * C + c] = q[row + c] * P.scale;
      dy[i * C + c] = d_o[row + c];
    }
    row_stats[i] = stats[t * P.n_heads + h];
    first[i] = lo[t];
    end[i] = last[t];
  }

  // The keys that any of the workgroup's queries sees, found by all alike: the loop must be uniform.
  var start = 0xffffffffu;
  var to = 0u;
  for (var t = front; t < min(front + tiles * BQ, P.n); t++) {
    start = min(start, lo[t]);
    to = max(to, last[t]);
  }
  for (var j = start; j <= to; j++) {
    let row = (j * P.n_kv_heads + kv) * C;
    var keys = array<E, LOADS>();
    var values = array<E, LOADS>();
    // @unroll
    for (var l = 0u; l < LOADS; l++) {
      keys[l] = k[row + min(l * SHARE + lane, C - 1u)];
      values[l] = v[row + min(l * SHARE + lane, C - 1u)];
    }
    var key = array<E, C>();
    var s = array<E, BQ>();
    var dp = array<E, BQ>();
    // @unroll
    for (var c = 0u; c < C; c++) {
      key[c] = subgroupBroadcast(keys[c / SHARE], c % SHARE);
      let value = subgroupBroadcast(values[c / SHARE], c % SHARE);
      // @unroll
      for (var i = 0u; i < BQ; i++) {
        s[i] = fma(x[i * C + c], key[c], s[i]);
        dp[i] = fma(dy[i * C + c], value, dp[i]);
      }
    }
    var ds = array<f32, BQ>();
    // @unroll
    for (var i = 0u; i < BQ; i++) {
      let seen = first[i] <= j && j <= end[i];
      let p = select(0f, exp(total(s[i]) - row_stats[i].x), seen);
      ds[i] = p * (total(dp[i]) - row_stats[i].y);
    }
    // @unroll
    for (var c = 0u; c < C; c++) {
      // @unroll
      for (var i = 0u; i < BQ; i++) { acc[i * C + c] = fma(E(ds[i]), key[c], acc[i * C + c]); }
    }
  }

  // @unroll
  for (var i = 0u; i < BQ; i++) {
    let t = t0 + i;
    if (t < P.n) {
      let row = (t * P.n_heads + h) * C;
      // @unroll
      for (var c = 0u; c < C; c++) { d_q[row + c] = acc[i * C + c] * P.scale; }
    }
  }
}
