// Attention forward where the SHARE invocations of a workgroup are one subgroup: what attention.wgsl computes.
// They walk over the same keys: each loads one element in SHARE of a key and broadcasts hand it to the others, since on a
// software adapter a load costs twenty multiply-adds and a broadcast one. They own HEADS heads of one kv head x SHARE / HEADS tiles
// of BQ queries. Parts: lanes.

const HD = 64u; // head_dim
const BQ = 2u;
const KEYS = 2u; // at a time: the maximum moves, and o shrinks, once for all of them
const SHARE = 8u;
const HEADS = 1u; // divides SHARE and n_heads / n_kv_heads
const C = HD / LANES;
const LOADS = (KEYS * C + SHARE - 1u) / SHARE;
const LOWEST = -3.4e38;

struct Params { origin: vec3u, n: u32, n_heads: u32, n_kv_heads: u32, scale: f32 }
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read> q: array<E>; // [n, n_heads, C]
@group(0) @binding(2) var<storage, read> k: array<E>; // [keys, n_kv_heads, C]
@group(0) @binding(3) var<storage, read> v: array<E>;
@group(0) @binding(4) var<storage, read> lo: array<u32>; // first key that a query sees
@group(0) @binding(5) var<storage, read> last: array<u32>; // last key that it sees
@group(0) @binding(6) var<storage, read_write> o: array<E>;
@group(0) @binding(7) var<storage, read_write> lse: array<f32>; // [n, n_heads]

@compute @workgroup_size(SHARE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let id = group.x + P.origin.x;
  let tiles = SHARE / HEADS;
  let blocks = (P.n + BQ * tiles - 1u) / (BQ * tiles);
  let front = (blocks - 1u - id / (P.n_heads / HEADS)) * tiles * BQ;
  let t0 = front + lane / HEADS * BQ;
  let h = id % (P.n_heads / HEADS) * HEADS + lane % HEADS;
  let kv = h / (P.n_heads / P.n_kv_heads);

  // Queries beyond the end repeat the last one and are not written.
  var x: array<E, BQ * C>;
  var acc: array<E, BQ * C>;
  var first: array<u32, BQ>;
  var end: array<u32, BQ>;
  // @unroll
  for (var i = 0u; i < BQ; i++) {
    let t = min(t0 + i, P.n - 1u);
    let row = (t * P.n_heads + h) * C;
    // @unroll
    for (var c = 0u; c < C; c++) { x[i * C + c] = q[row + c] * P.scale; }
    first[i] = lo[t];
    end[i] = last[t];
  }

  var peak: array<f32, BQ>;
  var sum: array<f32, BQ>;
  // @unroll
  for (var i = 0u; i < BQ; i++) { peak[i] = LOWEST; }

  // The keys that any of the workgroup's queries sees, found by all alike: the loop must be uniform.
  var start = 0xffffffffu;
  var to = 0u;
  for (var t = front; t < min(front + tiles * BQ, P.n); t++) {
    start = min(start, lo[t]);
    to = max(to, last[t]);
  }
  for (var j0 = start; j0 <= to; j0 += KEYS) {
    var keys = array<E, LOADS>();
    var values = array<E, LOADS>();
    // @unroll
    for (var l = 0u; l < LOADS; l++) {
      let e = min(l * SHARE + lane, KEYS * C - 1u);
      let at = (min(j0 + e / C, to) * P.n_kv_heads + kv) * C + e % C;
      keys[l] = k[at];
      values[l] = v[at];
    }
    var s = array<E, BQ * KEYS>();
    // @unroll
    for (var c = 0u; c < C; c++) {
      // @unroll
      for (var j = 0u; j < KEYS; j++) {
        let key = subgroupBroadcast(keys[(j * C + c) / SHARE], (j * C + c) % SHARE);
        // @unroll
        for (var i = 0u; i < BQ; i++) { s[i * KEYS + j] = fma(x[i * C + c], key, s[i * KEYS + j]); }
      }
    }
    var p = array<f32, BQ * KEYS>();
    // @unroll
    for (var i = 0u; i < BQ; i++) {
      var top = peak[i];
      // @unroll
      for (var j = 0u; j < KEYS; j++) {
        let seen = first[i] <= j0 + j && j0 + j <= end[i];
        p[i * KEYS + j] = select(LOWEST, total(s[i * KEYS + j]), seen);
        top = max(top, p[i * KEYS + j]);
      }
      let shrink = exp(peak[i] - top);
      peak[i] = top;
      sum[i] *= shrink;
      // @unroll
      for (var j = 0u; j < KEYS; j++) {
        p[i * KEYS + j] = select(0f, exp(p[i * KEYS + j] - top), p[i * KEYS + j] > LOWEST);
        sum[i] += p[i * KEYS + j];
      }
      // @unroll
      for (var c = 0u; c < C; c++) { acc[i * C + c] *= shrink; }
    }
    // @unroll
    for (var c = 0u; c < C; c++) {
      // @unroll
      for (var j = 0u; j < KEYS; j++) {
        let value = subgroupBroadcast(values[(j * C + c) / SHARE], (j * C + c) % SHARE);
        // @unroll
        for (var i = 0u; i < BQ; i++) { acc[i * C + c] = fma(E(p[i * KEYS + j]), value, acc[i * C + c]); }
      }
    }
  }

  // @unroll
  for (var i = 0u; i < BQ; i++) {
    let t = t0 + i;
    if (t < P.n) {
      let row = (t * P.n_heads + h) * C;
      let inverse = select(0f, 1 / sum[i], sum[i] > 0);
      // @unroll
      for (var c = 0u; c < C; c++) { o[row + c] = acc[i * C + c] * inverse; }
      lse[t * P.n_heads + h] = peak[i] + log(sum[i]);
    }
  }
}
