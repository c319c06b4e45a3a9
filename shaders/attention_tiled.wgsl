// Attention forward for GPUs with many small cores: what attention.wgsl computes, in tiles of BQ queries x BK keys that the
// 64 invocations of a workgroup share. Keys and values pass through workgroup memory one after the other.
// Rows of a tile are PITCH elements apart, so that neighbours read different banks. Parts: lanes.
const HD = 64u; // head_dim
const TQ = 2u; // scores of an invocation: TQ queries x TK keys
const TK = 4u;
const BQ = TQ * 8u;
const BK = TK * 8u;
const C = HD / LANES;
const PITCH = C + 1u;
const OUTPUTS = BQ / 4u * C; // of 4 queries x one element
const OWN = (OUTPUTS + 63u) / 64u;
const LOWEST = -3.4e38;

struct Params { origin: vec3u, n: u32, n_heads: u32, n_kv_heads: u32, scale: f32 }
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read> q: array<E>; // [n, n_heads, C]
@group(0) @binding(2) var<storage, read> k: array<E>; // [keys, n_kv_heads, C]
@group(0) @binding(3) var<storage, read> v: array<E>;
@group(0) @binding(4) var<storage, read> lo: array<u32>;
@group(0) @binding(5) var<storage, read> last: array<u32>;
@group(0) @binding(6) var<storage, read_write> o: array<E>;
@group(0) @binding(7) var<storage, read_write> lse: array<f32>; // [n, n_heads]

var<workgroup> queries: array<E, BQ * PITCH>;
var<workgroup> tile: array<E, BK * PITCH>;
var<workgroup> scores: array<f32, BQ * BK>;
var<workgroup> peak: array<f32, BQ>;
var<workgroup> sum: array<f32, BQ>;
var<workgroup> shrink: array<f32, BQ>;
var<workgroup> span: vec2u; // first and last key that any of the queries sees

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let id = group.x + P.origin.x;
  let t0 = ((P.n + BQ - 1u) / BQ - 1u - id / P.n_heads) * BQ; // late queries see most keys and start first
  let h = id % P.n_heads;
  let kv = h / (P.n_heads / P.n_kv_heads);

  for (var e = lane; e < BQ * C; e += 64u) {
    let t = min(t0 + e / C, P.n - 1u);
    queries[e / C * PITCH + e % C] = q[(t * P.n_heads + h) * C + e % C] * P.scale;
  }
  if (lane < BQ) {
    peak[lane] = LOWEST;
    sum[lane] = 0.0;
  }
  if (lane == 0u) {
    var seen = vec2u(0xffffffffu, 0u);
    for (var t = t0; t < min(t0 + BQ, P.n); t++) { seen = vec2u(min(seen.x, lo[t]), max(seen.y, last[t])); }
    span = seen;
  }
  let keys = workgroupUniformLoad(&span);

  var acc: array<E, OWN * 4u>;
  for (var j0 = keys.x; j0 <= keys.y; j0 += BK) {
    for (var e = lane; e < BK * C; e += 64u) {
      let j = j0 + e / C;
      tile[e / C * PITCH + e % C] = select(E(), k[(min(j, keys.y) * P.n_kv_heads + kv) * C + e % C], j <= keys.y);
    }
    workgroupBarrier();

    let row = lane / 8u * TQ;
    let column = lane % 8u;
    var s = array<E, TQ * TK>();
    for (var c = 0u; c < C; c++) {
      // @unroll
      for (var i = 0u; i < TQ; i++) {
        let x = queries[(row + i) * PITCH + c];
        // @unroll
        for (var j = 0u; j < TK; j++) { s[i * TK + j] = fma(x, tile[(column + j * 8u) * PITCH + c], s[i * TK + j]); }
      }
    }
    // @unroll
    for (var i = 0u; i < TQ; i++) {
      let t = min(t0 + row + i, P.n - 1u);
      // @unroll
      for (var j = 0u; j < TK; j++) {
        let key = j0 + column + j * 8u;
        let seen = lo[t] <= key && key <= last[t];
        scores[(row + i) * BK + column + j * 8u] = select(LOWEST, total(s[i * TK + j]), seen);
      }
    }
    workgroupBarrier();

    for (var e = lane; e < BK * C; e += 64u) {
      let j = j0 + e / C;
      tile[e / C * PITCH + e % C] = select(E(), v[(min(j, keys.y) * P.n_kv_heads + kv) * C + e % C], j <= keys.y);
    }
    if (lane < BQ) {
      var top = peak[lane];
      for (var j = 0u; j < BK; j++) { top = max(top, scores[lane * BK + j]); }
      var more = 0f;
      for (var j = 0u; j < BK; j++) {
        let score = scores[lane * BK + j];
        let p = select(0f, exp(score - top), score > LOWEST);
        scores[lane * BK + j] = p;
        more += p;
      }
      let less = exp(peak[lane] - top);
      shrink[lane] = less;
      peak[lane] = top;
      sum[lane] = sum[lane] * less + more;
    }
    workgroupBarrier();

    // @unroll
    for (var w = 0u; w < OWN; w++) {
      let output = lane + w * 64u;
      if (output < OUTPUTS) {
        let i = output / C * 4u;
        let c = output % C;
        // @unroll
        for (var a = 0u; a < 4u; a++) { acc[w * 4u + a] *= shrink[i + a]; }
        for (var j = 0u; j < BK; j++) {
          let value = tile[j * PITCH + c];
          // @unroll
          for (var a = 0u; a < 4u; a++) { acc[w * 4u + a] = fma(E(scores[(i + a) * BK + j]), value, acc[w * 4u + a]); }
        }
      }
    }
    workgroupBarrier(); // before the next keys take the place of these values
  }

  // @unroll
  for (var w = 0u; w < OWN; w++) {
    let output = lane + w * 64u;
    // @unroll
    for (var a = 0u; a < 4u; a++) {
      let i = output / C * 4u + a;
      if (output < OUTPUTS && t0 + i < P.n) {
        o[((t0 + i) * P.n_heads + h) * C + output % C] = acc[w * 4u + a] * select(0f, 1 / sum[i], sum[i] > 0);
      }
    }
  }
  if (lane < BQ && t0 + lane < P.n) { lse[(t0 + lane) * P.n_heads + h] = peak[lane] + log(sum[lane]); }
}
