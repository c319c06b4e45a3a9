// Attention backward, the queries, in tiles that a workgroup shares: what attention_dq.wgsl computes.
// Workgroup memory holds the queries and their do, and one tile at a time: keys for the scores, values, keys again. Parts: lanes.
const HD = 64u; // head_dim
const TQ = 2u; // scores of an invocation: TQ queries x TK keys
const TK = 2u;
const BQ = TQ * 8u;
const BK = TK * 8u;
const C = HD / LANES;
const PITCH = C + 1u;
const OUTPUTS = BQ / 4u * C; // of 4 queries x one element
const OWN = (OUTPUTS + 63u) / 64u;

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

var<workgroup> queries: array<E, BQ * PITCH>;
var<workgroup> d_outs: array<E, BQ * PITCH>;
var<workgroup> tile: array<E, BK * PITCH>;
var<workgroup> d_scores: array<f32, BQ * BK>;
var<workgroup> span: vec2u; // first and last key that any of the queries sees

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let id = group.x + P.origin.x;
  let t0 = ((P.n + BQ - 1u) / BQ - 1u - id / P.n_heads) * BQ; // late queries see most keys and start first
  let h = id % P.n_heads;
  let kv = h / (P.n_heads / P.n_kv_heads);

  for (var e = lane; e < BQ * C; e += 64u) {
    let at = (min(t0 + e / C, P.n - 1u) * P.n_heads + h) * C + e % C;
    queries[e / C * PITCH + e % C] = q[at] * P.scale;
    d_outs[e / C * PITCH + e % C] = d_o[at];
  }
  if (lane == 0u) {
    var seen = vec2u(0xffffffffu, 0u);
    for (var t = t0; t < min(t0 + BQ, P.n); t++) { seen = vec2u(min(seen.x, lo[t]), max(seen.y, last[t])); }
    span = seen;
  }
  let keys = workgroupUniformLoad(&span);
  let row = lane / 8u * TQ;
  let column = lane % 8u;

  var acc: array<E, OWN * 4u>;
  for (var j0 = keys.x; j0 <= keys.y; j0 += BK) {
    for (var e = lane; e < BK * C; e += 64u) {
      let j = j0 + e / C;
      tile[e / C * PITCH + e % C] = select(E(), k[(min(j, keys.y) * P.n_kv_heads + kv) * C + e % C], j <= keys.y);
    }
    workgroupBarrier();
    var s = array<E, TQ * TK>();
    for (var c = 0u; c < C; c++) {
      // @unroll
      for (var i = 0u; i < TQ; i++) {
        let x = queries[(row + i) * PITCH + c];
        // @unroll
        for (var j = 0u; j < TK; j++) { s[i * TK + j] = fma(x, tile[(column + j * 8u) * PITCH + c], s[i * TK + j]); }
      }
    }
    workgroupBarrier();

    for (var e = lane; e < BK * C; e += 64u) {
      let j = j0 + e / C;
      tile[e / C * PITCH + e % C] = select(E(), v[(min(j, keys.y) * P.n_kv_heads + kv) * C + e % C], j <= keys.y);
    }
    workgroupBarrier();
    var dp = array<E, TQ * TK>();
    for (var c = 0u; c < C; c++) {
      // @unroll
      for (var i = 0u; i < TQ; i++) {
        let dy = d_outs[(row + i) * PITCH + c];
        // @unroll
        for (var j = 0u; j < TK; j++) { dp[i * TK + j] = fma(dy, tile[(column + j * 8u) * PITCH + c], dp[i * TK + j]); }
      }
    }
    // @unroll
    for (var i = 0u; i < TQ; i++) {
      let t = min(t0 + row + i, P.n - 1u);
      let row_stats = stats[t * P.n_heads + h];
      // @unroll
      for (var j = 0u; j < TK; j++) {
        let key = j0 + column + j * 8u;
        let seen = lo[t] <= key && key <= last[t];
        let p = select(0f, exp(total(s[i * TK + j]) - row_stats.x), seen);
        d_scores[(row + i) * BK + column + j * 8u] = p * (total(dp[i * TK + j]) - row_stats.y);
      }
    }
    workgroupBarrier();

    for (var e = lane; e < BK * C; e += 64u) {
      let j = j0 + e / C;
      tile[e / C * PITCH + e % C] = select(E(), k[(min(j, keys.y) * P.n_kv_heads + kv) * C + e % C], j <= keys.y);
    }
    workgroupBarrier();
    // @unroll
    for (var w = 0u; w < OWN; w++) {
      let output = lane + w * 64u;
      if (output < OUTPUTS) {
        let i = output / C * 4u;
        for (var j = 0u; j < BK; j++) {
          let key = tile[j * PITCH + output % C];
          // @unroll
          for (var a = 0u; a < 4u; a++) { acc[w * 4u + a] = fma(E(d_scores[(i + a) * BK + j]), key, acc[w * 4u + a]); }
        }
      }
    }
    workgroupBarrier(); // before the next keys take the place of these
  }

  // @unroll
  for (var w = 0u; w < OWN; w++) {
    let output = lane + w * 64u;
    // @unroll
    for (var a = 0u; a < 4u; a++) {
      let t = t0 + output / C * 4u + a;
      if (output < OUTPUTS && t < P.n) { d_q[(t * P.n_heads + h) * C + output % C] = acc[w * 4u + a] * P.scale; }
    }
  }
}
