// Attention forward: o = softmax(scale q kᵀ) v in one pass over the keys with a running maximum (flash). Kept of each row of scores:
// its log-sum-exp, from which the backward makes the probabilities again.
// One invocation owns BQ consecutive queries of one head: q and o stay in registers, each key and value is loaded once for all BQ.
// Heads are neighbours, so that the lanes of a SIMD group meet the same keys; late queries, which see most keys, start first.
// Parts: lanes, attention, attention_queries, attention_softmax.

const BQ = 4u;
const WG = 8u;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let id = (group.x + P.origin.x) * WG + lane;
  let tiles = (P.N + BQ - 1u) / BQ;
  if (id >= tiles * P.n_heads) { return; }
  let t0 = (tiles - 1u - id / P.n_heads) * BQ;
  let h = id % P.n_heads;
  let kv = kv_of(h);

  // Queries beyond the end repeat the last one and are not written.
  var x: array<E, BQ * C>;
  var acc: array<E, BQ * C>;
  var first: array<u32, BQ>;
  var end: array<u32, BQ>;
  var start = 0xffffffffu;
  var to = 0u;
  // @unroll
  for (var i = 0u; i < BQ; i++) {
    let t = min(t0 + i, P.N - 1u);
    let row = query_at(t, h);
    // @unroll
    for (var c = 0u; c < C; c++) { x[i * C + c] = q[row + c] * P.scale; }
    first[i] = lo[t];
    end[i] = last[t];
    start = min(start, first[i]);
    to = max(to, end[i]);
  }

  var peak: array<f32, BQ>;
  var sum: array<f32, BQ>;
  // @unroll
  for (var i = 0u; i < BQ; i++) { peak[i] = LOWEST; }

  for (var j = start; j <= to; j++) {
    let row = key_at(j, kv);
    var s = array<E, BQ>();
    // @unroll
    for (var c = 0u; c < C; c++) {
      let key = k[row + c];
      // @unroll
      for (var i = 0u; i < BQ; i++) { s[i] = fma(x[i * C + c], key, s[i]); }
    }
    var p = array<f32, BQ>();
    // @unroll
    for (var i = 0u; i < BQ; i++) {
      let seen = sees(first[i], end[i], j);
      let score = select(LOWEST, total(s[i]), seen);
      if (score > peak[i]) {
        let shrink = exp(peak[i] - score);
        peak[i] = score;
        sum[i] *= shrink;
        // @unroll
        for (var c = 0u; c < C; c++) { acc[i * C + c] *= shrink; }
      }
      p[i] = select(0f, exp(score - peak[i]), seen);
      sum[i] += p[i];
    }
    // @unroll
    for (var c = 0u; c < C; c++) {
      let value = v[row + c];
      // @unroll
      for (var i = 0u; i < BQ; i++) { acc[i * C + c] = fma(E(p[i]), value, acc[i * C + c]); }
    }
  }

  // @unroll
  for (var i = 0u; i < BQ; i++) {
    let t = t0 + i;
    if (t < P.N) {
      let row = query_at(t, h);
      let scale = inverse(sum[i]);
      // @unroll
      for (var c = 0u; c < C; c++) { o[row + c] = acc[i * C + c] * scale; }
      lse[t * P.n_heads + h] = peak[i] + log(sum[i]);
    }
  }
}
