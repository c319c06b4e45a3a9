// Attention backward, the queries, in tiles: dq = scale sum_j p_j (do·v_j - delta) k_j. A workgroup owns BQ queries of one head and holds
// them and their do, and one tile at a time: keys for the scores, values, keys again.
// Parts: lanes, attention, attention_queries, attention_backward, attention_tiled, attention_tiled_queries.

@group(0) @binding(8) var<storage, read_write> d_q: array<E>;

var<workgroup> d_outs: array<E, BQ * PITCH>;
var<workgroup> d_scores: array<f32, BQ * BK>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let id = group.x + P.origin.x;
  let t0 = ((P.N + BQ - 1u) / BQ - 1u - id / P.n_heads) * BQ; // late queries see most keys and start first
  let h = id % P.n_heads;
  let kv = kv_of(h);

  for (var e = lane; e < BQ * C; e += 64u) {
    let at = query_at(min(t0 + e / C, P.N - 1u), h) + e % C;
    queries[in_tile(e)] = q[at] * P.scale;
    d_outs[in_tile(e)] = d_o[at];
  }
  let keys = keys_of(t0, lane);
  let row = lane / 8u * TQ;
  let column = lane % 8u;

  var acc: array<E, OWN * 4u>;
  for (var j0 = keys.x; j0 <= keys.y; j0 += BK) {
    load_keys(j0, keys.y, kv, lane);
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

    load_values(j0, keys.y, kv, lane);
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
      let t = min(t0 + row + i, P.N - 1u);
      let row_stats = stats[t * P.n_heads + h];
      // @unroll
      for (var j = 0u; j < TK; j++) {
        let key = j0 + column + j * 8u;
        let seen = sees(lo[t], last[t], key);
        d_scores[(row + i) * BK + column + j * 8u] = pair(s[i * TK + j], dp[i * TK + j], row_stats, seen).y;
      }
    }
    workgroupBarrier();

    load_keys(j0, keys.y, kv, lane);
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
      if (output < OUTPUTS && t < P.N) { d_q[query_at(t, h) + output % C] = acc[w * 4u + a] * P.scale; }
    }
  }
}
