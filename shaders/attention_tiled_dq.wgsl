// Attention backward, the queries, in tiles: dq = scale sum_j p_j (do·v_j - delta) k_j with delta = do·o, which is left for the keys' pass.
// Rows are queries of one head, columns the keys that they see; a query is the last one that it sees. Parts: lanes, attention_tiled.

@group(0) @binding(4) var<storage, read> lo: array<u32>; // first key that a query sees
@group(0) @binding(5) var<storage, read> o: array<E>; // [N, n_heads, C]
@group(0) @binding(6) var<storage, read> d_o: array<E>;
@group(0) @binding(7) var<storage, read_write> stats: array<f32>; // [N, n_heads, 2]: log-sum-exp, delta
@group(0) @binding(8) var<storage, read_write> d_q: array<E>;

var<workgroup> not_first: atomic<u32>;
var<workgroup> start: u32;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let id = (group.x + P.origin.x) / PARTS;
  let part = (group.x + P.origin.x) % PARTS * OWN * WIDE;
  let t0 = ((P.N + ROWS - 1u) / ROWS - 1u - id / P.n_heads) * ROWS; // late queries see most keys and start first
  let h = id % P.n_heads;
  let kv = h / (P.n_heads / P.n_kv_heads);
  let row = lane / ACROSS;
  let column = lane % ACROSS;
  let last = min(t0 + ROWS, P.N) - 1u;
  let mine = vec4u(t0 + row) + vec4u(0u, 8u, 16u, 24u);
  let held = min(mine, vec4u(last));
  let first = vec4u(lo[held.x], lo[held.y], lo[held.z], lo[held.w]);
  atomicMax(&not_first, max(max(~first.x, ~first.y), max(~first.z, ~first.w)));

  var lse: vec4f;
  var product: vec4f;
  // @unroll
  for (var i = 0u; i < 4u; i++) {
    let at = output_at(held[i], h);
    var sum: E;
    for (var c = column; c < C; c += ACROSS) { sum = fma(o[at + c], d_o[at + c], sum); }
    product[i] = total(sum);
    lse[i] = stats[(held[i] * P.n_heads + h) * 2u];
  }
  share(row, column, product);
  let delta = sum_of_shares(row);
  if (part + column == 0u) {
    // @unroll
    for (var i = 0u; i < 4u; i++) {
      if (mine[i] <= last) { stats[(mine[i] * P.n_heads + h) * 2u + 1u] = delta[i]; }
    }
  }
  if (lane == 0u) { start = ~atomicLoad(&not_first); }

  var acc: array<E, OWN * 4u>;
  for (var j0 = workgroupUniformLoad(&start); j0 <= last; j0 += COLUMNS) {
    var s: array<vec4f, MINE> = array<vec4f, MINE>();
    var dp: array<vec4f, MINE> = array<vec4f, MINE>();
    for (var c0 = 0u; c0 < C; c0 += CHUNK) {
      for (var e = lane; e < ROWS * CHUNK; e += WG) {
        let at = e / CHUNK;
        let c = min(c0 + e % CHUNK, C - 1u);
        let there = C % CHUNK == 0u || c0 + e % CHUNK < C;
        tile[at * PITCH + e % CHUNK] = select(E(), q[query_at(min(t0 + at, last), h) + c], there);
        tile[(ROWS + at) * PITCH + e % CHUNK] = k[key_at(min(j0 + at, last), kv) + c];
      }
      workgroupBarrier();
      let more = multiplied(row, column);
      // @unroll
      for (var j = 0u; j < MINE; j++) { s[j] += more[j]; }
      workgroupBarrier();
    }
    for (var c0 = 0u; c0 < C; c0 += CHUNK) {
      for (var e = lane; e < ROWS * CHUNK; e += WG) {
        let at = e / CHUNK;
        let c = min(c0 + e % CHUNK, C - 1u);
        let there = C % CHUNK == 0u || c0 + e % CHUNK < C;
        tile[at * PITCH + e % CHUNK] = select(E(), d_o[output_at(min(t0 + at, last), h) + c], there);
        tile[(ROWS + at) * PITCH + e % CHUNK] = v[value_at(min(j0 + at, last), kv) + c];
      }
      workgroupBarrier();
      let more = multiplied(row, column);
      // @unroll
      for (var j = 0u; j < MINE; j++) { dp[j] += more[j]; }
      workgroupBarrier();
    }
    // @unroll
    for (var j = 0u; j < MINE; j++) {
      let key = vec4u(j0 + column + j * ACROSS);
      let p = select(vec4f(), exp(s[j] * P.scale - lse), (first <= key) & (key <= mine));
      factors[(column + j * ACROSS) * FACTORS + row] = p * (dp[j] - delta);
    }

    // @unroll
    for (var w = 0u; w < OWN; w++) {
      for (var e = lane; e < COLUMNS * WIDE; e += WG) {
        tile[e / WIDE * WIDE_PITCH + e % WIDE] = k[key_at(min(j0 + e / WIDE, last), kv) + min(part + w * WIDE + e % WIDE, C - 1u)];
      }
      workgroupBarrier();
      let more = gathered(row, column);
      // @unroll
      for (var i = 0u; i < 4u; i++) { acc[i * OWN + w] += more[i]; }
      workgroupBarrier(); // before the next columns take the place of these
    }
  }

  // @unroll
  for (var i = 0u; i < 4u; i++) {
    // @unroll
    for (var w = 0u; w < OWN; w++) {
      let c = part + w * WIDE + column;
      if (mine[i] <= last && c < C) { d_q[P.q_at + mine[i] * P.ldg + h * C + c] = acc[i * OWN + w] * P.scale; }
    }
  }
}
