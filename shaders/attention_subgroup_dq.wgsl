// Attention backward, the queries, by subgroups: dq = scale sum_j p_j (do·v_j - delta) k_j, keys and values loaded once for all.
// Who owns what: as attention_subgroup_forward. Parts: lanes, attention, attention_queries, attention_backward, attention_subgroup.

const BQ = 4u;
const LOADS = (C + SHARE - 1u) / SHARE;

@group(0) @binding(8) var<storage, read_write> d_q: array<E>;

@compute @workgroup_size(SHARE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let id = group.x + P.origin.x;
  let tiles = SHARE / HEADS;
  let blocks = (P.N + BQ * tiles - 1u) / (BQ * tiles);
  let front = (blocks - 1u - id / (P.n_heads / HEADS)) * tiles * BQ;
  let t0 = front + lane / HEADS * BQ;
  let h = id % (P.n_heads / HEADS) * HEADS + lane % HEADS;
  let kv = kv_of(h);

  var x: array<E, BQ * C>;
  var dy: array<E, BQ * C>;
  var acc: array<E, BQ * C>;
  var row_stats: array<vec2f, BQ>;
  var first: array<u32, BQ>;
  var end: array<u32, BQ>;
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
  }

  // The keys that any of the workgroup's queries sees, found by all alike: the loop must be uniform.
  let span = span_of(front, min(front + tiles * BQ, P.N));
  for (var j = span.x; j <= span.y; j++) {
    let row = key_at(j, kv);
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
