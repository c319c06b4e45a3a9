// Attention forward, o = softmax(scale q kᵀ) v, in tiles: rows are queries of one head, columns the keys and values that they see.
// Parts: lanes, attention_tiled.

@group(0) @binding(4) var<storage, read> lo: array<u32>; // first key that a query sees
@group(0) @binding(5) var<storage, read> last: array<u32>; // last key that it sees
@group(0) @binding(6) var<storage, read_write> o: array<E>; // [N, n_heads, C]
@group(0) @binding(7) var<storage, read_write> stats: array<f32>; // [N, n_heads, 2]: log-sum-exp of the scores, room for delta

var<workgroup> not_first: atomic<u32>;
var<workgroup> end: atomic<u32>;
var<workgroup> span: vec2u;

/// First and last key that any of the queries sees, the same for the whole workgroup.
fn keys_of(t0: u32, lane: u32) -> vec2u {
  if (lane < ROWS && t0 + lane < P.N) {
    atomicMax(&not_first, ~lo[t0 + lane]);
    atomicMax(&end, last[t0 + lane]);
  }
  workgroupBarrier();
  if (lane == 0u) { span = vec2u(~atomicLoad(&not_first), atomicLoad(&end)); }
  return workgroupUniformLoad(&span);
}

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let id = (group.x + P.origin.x) / PARTS;
  let part = (group.x + P.origin.x) % PARTS * OWN * WIDE;
  let t0 = ((P.N + ROWS - 1u) / ROWS - 1u - id / P.n_heads) * ROWS; // late queries see most keys and start first
  let h = id % P.n_heads;
  let kv = h / (P.n_heads / P.n_kv_heads);
  let row = lane / ACROSS;
  let column = lane % ACROSS;
  let keys = keys_of(t0, lane);
  let mine = min(vec4u(t0 + row) + vec4u(0u, 8u, 16u, 24u), vec4u(P.N - 1u));
  let first = vec4u(lo[mine.x], lo[mine.y], lo[mine.z], lo[mine.w]);
  let latest = vec4u(last[mine.x], last[mine.y], last[mine.z], last[mine.w]);

  var peak = vec4f(LOWEST);
  var sum: vec4f; // of this invocation's columns
  var acc: array<E, OWN * 4u>;
  for (var j0 = keys.x; j0 <= keys.y; j0 += COLUMNS) {
    var s: array<vec4f, MINE> = array<vec4f, MINE>();
    for (var c0 = 0u; c0 < C; c0 += CHUNK) {
      for (var e = lane; e < ROWS * CHUNK; e += WG) {
        let at = e / CHUNK;
        let c = min(c0 + e % CHUNK, C - 1u);
        let there = C % CHUNK == 0u || c0 + e % CHUNK < C;
        tile[at * PITCH + e % CHUNK] = select(E(), q[query_at(min(t0 + at, P.N - 1u), h) + c], there);
        tile[(ROWS + at) * PITCH + e % CHUNK] = k[key_at(min(j0 + at, keys.y), kv) + c];
      }
      workgroupBarrier();
      let more = multiplied(row, column);
      // @unroll
      for (var j = 0u; j < MINE; j++) { s[j] += more[j]; }
      workgroupBarrier();
    }

    var top = peak;
    // @unroll
    for (var j = 0u; j < MINE; j++) {
      let key = vec4u(j0 + column + j * ACROSS);
      s[j] = select(vec4f(LOWEST), s[j] * P.scale, (first <= key) & (key <= latest));
      top = max(top, s[j]);
    }
    share(row, column, top);
    top = largest_share(row);
    let shrink = exp(peak - top);
    peak = top;
    sum *= shrink;
    // @unroll
    for (var j = 0u; j < MINE; j++) {
      let p = select(vec4f(), exp(s[j] - top), s[j] > vec4f(LOWEST));
      sum += p;
      factors[(column + j * ACROSS) * FACTORS + row] = p;
    }

    // @unroll
    for (var w = 0u; w < OWN; w++) {
      for (var e = lane; e < COLUMNS * WIDE; e += WG) {
        tile[e / WIDE * WIDE_PITCH + e % WIDE] = v[value_at(min(j0 + e / WIDE, keys.y), kv) + min(part + w * WIDE + e % WIDE, C - 1u)];
      }
      workgroupBarrier();
      let more = gathered(row, column);
      // @unroll
      for (var i = 0u; i < 4u; i++) { acc[i * OWN + w] = fma(acc[i * OWN + w], E(shrink[i]), more[i]); }
      workgroupBarrier(); // before the next columns take the place of these
    }
  }

  share(row, column, sum);
  let all = sum_of_shares(row);
  // @unroll
  for (var i = 0u; i < 4u; i++) {
    let t = t0 + row + i * 8u;
    if (t < P.N) {
      let scale = select(0f, 1 / all[i], all[i] > 0); // nothing for a row that saw none
      // @unroll
      for (var w = 0u; w < OWN; w++) {
        let c = part + w * WIDE + column;
        if (c < C) { o[output_at(t, h) + c] = acc[i * OWN + w] * scale; }
      }
      if (part + column == 0u) { stats[(t * P.n_heads + h) * 2u] = peak[i] + log(all[i]); }
    }
  }
}
