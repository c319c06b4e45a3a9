// Attention forward, o = softmax(scale q kᵀ) v, by subgroups: the invocations of a workgroup own neighbouring queries, BQ each, of heads
// that read the same kv head. Parts: lanes, attention, attention_queries, attention_softmax, attention_subgroup.

const BQ = 2u;
const KEYS = 2u; // at a time: the maximum moves, and o shrinks, once for all of them
const LOADS = (KEYS * C + SHARE - 1u) / SHARE;

@compute @workgroup_size(SHARE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let id = group.x + P.origin.x;
  let tiles = SHARE / HEADS;
  let blocks = (P.N + BQ * tiles - 1u) / (BQ * tiles);
  let front = (blocks - 1u - id / (P.n_heads / HEADS)) * tiles * BQ;
  let t0 = front + lane / HEADS * BQ;
  let h = id % (P.n_heads / HEADS) * HEADS + lane % HEADS;
  let kv = kv_of(h);

  // Queries beyond the end repeat the last one and are not written.
  var x: array<E, BQ * C>;
  var acc: array<E, BQ * C>;
  var first: array<u32, BQ>;
  var end: array<u32, BQ>;
  // @unroll
  for (var i = 0u; i < BQ; i++) {
    let t = min(t0 + i, P.N - 1u);
    let row = query_at(t, h);
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
  let span = span_of(front, min(front + tiles * BQ, P.N));
  for (var j0 = span.x; j0 <= span.y; j0 += KEYS) {
    var keys = array<E, LOADS>();
    var values = array<E, LOADS>();
    // @unroll
    for (var l = 0u; l < LOADS; l++) {
      let e = min(l * SHARE + lane, KEYS * C - 1u);
      let at = key_at(min(j0 + e / C, span.y), kv) + e % C;
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
        let seen = sees(first[i], end[i], j0 + j);
        p[i * KEYS + j] = select(LOWEST, total(s[i * KEYS + j]), seen);
        top = max(top, p[i * KEYS + j]);
      }
      let shrink = exp(peak[i] - top);
      peak[i] = top;
      sum[i] *= shrink;
      // @unroll
      for (var j = 0u; j < KEYS; j++) {
        p[i * KEYS + j] = part(p[i * KEYS + j], top);
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
    if (t < P.N) {
      let row = query_at(t, h);
      let scale = inverse(sum[i]);
      // @unroll
      for (var c = 0u; c < C; c++) { o[row + c] = acc[i * C + c] * scale; }
      lse[t * P.n_heads + h] = peak[i] + log(sum[i]);
    }
  }
}
