// Attention forward, o = softmax(scale q kᵀ) v, for GPUs with many small cores: a workgroup owns BQ queries of one head; keys and values
// pass through its memory one after the other, BK at a time.
// Parts: lanes, attention, attention_queries, attention_softmax, attention_tiled, attention_tiled_queries.

var<workgroup> scores: array<f32, BQ * BK>;
var<workgroup> peak: array<f32, BQ>;
var<workgroup> sum: array<f32, BQ>;
var<workgroup> shrink: array<f32, BQ>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let id = group.x + P.origin.x;
  let t0 = ((P.N + BQ - 1u) / BQ - 1u - id / P.n_heads) * BQ; // late queries see most keys and start first
  let h = id % P.n_heads;
  let kv = kv_of(h);

  for (var e = lane; e < BQ * C; e += 64u) {
    let t = min(t0 + e / C, P.N - 1u);
    queries[in_tile(e)] = q[query_at(t, h) + e % C] * P.scale;
  }
  if (lane < BQ) {
    peak[lane] = LOWEST;
    sum[lane] = 0.0;
  }
  let keys = keys_of(t0, lane);

  var acc: array<E, OWN * 4u>;
  for (var j0 = keys.x; j0 <= keys.y; j0 += BK) {
    load_keys(j0, keys.y, kv, lane);
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
      let t = min(t0 + row + i, P.N - 1u);
      // @unroll
      for (var j = 0u; j < TK; j++) {
        let key = j0 + column + j * 8u;
        let seen = sees(lo[t], last[t], key);
        scores[(row + i) * BK + column + j * 8u] = select(LOWEST, total(s[i * TK + j]), seen);
      }
    }
    workgroupBarrier();

    load_values(j0, keys.y, kv, lane);
    if (lane < BQ) {
      var top = peak[lane];
      for (var j = 0u; j < BK; j++) { top = max(top, scores[lane * BK + j]); }
      var more = 0f;
      for (var j = 0u; j < BK; j++) {
        let score = scores[lane * BK + j];
        let p = part(score, top);
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
      if (output < OUTPUTS && t0 + i < P.N) {
        o[query_at(t0 + i, h) + output % C] = acc[w * 4u + a] * inverse(sum[i]);
      }
    }
  }
  if (lane < BQ && t0 + lane < P.N) { lse[(t0 + lane) * P.n_heads + h] = peak[lane] + log(sum[lane]); }
}
