// Attention backward, the queries: dq = scale sum_j p_j (do·v_j - delta) k_j, p made again from q, k and the row's log-sum-exp.
// One invocation owns BQ consecutive queries of one head and walks over the keys that they see, as the forward does.
// Parts: lanes, attention, attention_queries, attention_backward.

const BQ = 4u;
const WG = 8u;

@group(0) @binding(8) var<storage, read_write> d_q: array<E>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let id = (group.x + P.origin.x) * WG + lane;
  let tiles = (P.N + BQ - 1u) / BQ;
  if (id >= tiles * P.n_heads) { return; }
  let t0 = (tiles - 1u - id / P.n_heads) * BQ;
  let h = id % P.n_heads;
  let kv = kv_of(h);

  var x: array<E, BQ * C>;
  var dy: array<E, BQ * C>;
  var acc: array<E, BQ * C>;
  var row_stats: array<vec2f, BQ>;
  var first: array<u32, BQ>;
  var end: array<u32, BQ>;
  var start = 0xffffffffu;
  var to = 0u;
  // @unroll
  for (var i = 0u; i < BQ; i++) {
    let t = min(t0 + i, P.N - 1u);
    let row = query_at(t, h);
    // @unroll
    for (var c = 0u; c < C; c++) {
      x[i * C + c] = q[row + c] * P.scale;
      dy[i * C + c] = d_o[row + c];
    }
    row_stats[i] = stats[t * P.n_heads + h];
    first[i] = lo[t];
    end[i] = last[t];
    start = min(start, first[i]);
    to = max(to, end[i]);
  }

  for (var j = start; j <= to; j++) {
    let row = key_at(j, kv);
    var key = array<E, C>();
    var s = array<E, BQ>();
    var dp = array<E, BQ>();
    // @unroll
    for (var c = 0u; c < C; c++) {
      key[c] = k[row + c];
      let value = v[row + c];
      // @unroll
      for (var i = 0u; i < BQ; i++) {
        s[i] = fma(x[i * C + c], key[c], s[i]);
        dp[i] = fma(dy[i * C + c], value, dp[i]);
      }
    }
    var ds = array<f32, BQ>();
    // @unroll
    for (var i = 0u; i < BQ; i++) {
      let seen = sees(first[i], end[i], j);
      ds[i] = pair(s[i], dp[i], row_stats[i], seen).y;
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
    if (t < P.N) {
      let row = query_at(t, h);
      // @unroll
      for (var c = 0u; c < C; c++) { d_q[row + c] = acc[i * C + c] * P.scale; }
    }
  }
}
