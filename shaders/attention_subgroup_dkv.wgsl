// Attention backward, keys and values, where the SHARE invocations of a workgroup are one subgroup: what attention_dkv.wgsl computes,
// with queries and do loaded once for all and broadcast. The invocations own neighbouring tiles of BK keys of one kv head.
// Parts: lanes.

const HD = 64u;
const BK = 4u;
const SHARE = 8u;
const C = HD / LANES;
const LOADS = (C + SHARE - 1u) / SHARE;

struct Params { origin: vec3u, n: u32, n_heads: u32, n_kv_heads: u32, scale: f32 }
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read> q: array<E>;
@group(0) @binding(2) var<storage, read> k: array<E>;
@group(0) @binding(3) var<storage, read> v: array<E>;
@group(0) @binding(4) var<storage, read> hi: array<u32>; // last token of each token's row
@group(0) @binding(5) var<storage, read> d_o: array<E>;
@group(0) @binding(6) var<storage, read> stats: array<vec2f>; // [n, n_heads]: log-sum-exp, delta
@group(0) @binding(7) var<storage, read_write> d_k: array<E>;
@group(0) @binding(8) var<storage, read_write> d_v: array<E>;

@compute @workgroup_size(SHARE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let id = group.x + P.origin.x;
  let start = id / P.n_kv_heads * BK * SHARE;
  let j0 = start + lane * BK;
  let kv = id % P.n_kv_heads;
  let heads = P.n_heads / P.n_kv_heads;

  var key: array<E, BK * C>;
  var value: array<E, BK * C>;
  var dk: array<E, BK * C>;
  var dv: array<E, BK * C>;
  var end: array<u32, BK>;
  // @unroll
  for (var i = 0u; i < BK; i++) {
    let j = min(j0 + i, P.n - 1u);
    let row = (j * P.n_kv_heads + kv) * C;
    // @unroll
    for (var c = 0u; c < C; c++) {
      key[i * C + c] = k[row + c] * P.scale;
      value[i * C + c] = v[row + c];
    }
    end[i] = hi[j];
  }

  let to = hi[min(start + BK * SHARE, P.n) - 1u];
  for (var h = kv * heads; h < (kv + 1u) * heads; h++) {
    for (var t = start; t <= to; t++) {
      let at = t * P.n_heads + h;
      var queries = array<E, LOADS>();
      var d_outs = array<E, LOADS>();
      // @unroll
      for (var l = 0u; l < LOADS; l++) {
        queries[l] = q[at * C + min(l * SHARE + lane, C - 1u)];
        d_outs[l] = d_o[at * C + min(l * SHARE + lane, C - 1u)];
      }
      var x = array<E, C>();
      var dy = array<E, C>();
      var s = array<E, BK>();
      var dp = array<E, BK>();
      // @unroll
      for (var c = 0u; c < C; c++) {
        x[c] = subgroupBroadcast(queries[c / SHARE], c % SHARE);
        dy[c] = subgroupBroadcast(d_outs[c / SHARE], c % SHARE);
        // @unroll
        for (var i = 0u; i < BK; i++) {
          s[i] = fma(x[c], key[i * C + c], s[i]);
          dp[i] = fma(dy[c], value[i * C + c], dp[i]);
        }
      }
      let row_stats = stats[at];
      var p = array<f32, BK>();
      var ds = array<f32, BK>();
      // @unroll
      for (var i = 0u; i < BK; i++) {
        let seen = j0 + i <= t && t <= end[i];
        p[i] = select(0f, exp(total(s[i]) - row_stats.x), seen);
        ds[i] = p[i] * (total(dp[i]) - row_stats.y);
      }
      // @unroll
      for (var c = 0u; c < C; c++) {
        // @unroll
        for (var i = 0u; i < BK; i++) {
          dv[i * C + c] = fma(E(p[i]), dy[c], dv[i * C + c]);
          dk[i * C + c] = fma(E(ds[i]), x[c], dk[i * C + c]);
        }
      }
    }
  }

  // @unroll
  for (var i = 0u; i < BK; i++) {
    let j = j0 + i;
    if (j < P.n) {
      let row = (j * P.n_kv_heads + kv) * C;
      // @unroll
      for (var c = 0u; c < C; c++) {
        d_k[row + c] = dk[i * C + c] * P.scale;
        d_v[row + c] = dv[i * C + c];
      }
    }
  }
}
