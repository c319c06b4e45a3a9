// Attention backward, keys and values, in tiles: dv_j = sum_t p_t do_t and dk_j = scale sum_t p_t (do_t·v_j - delta_t) q_t. Rows are keys of
// one kv head, columns the queries that see them, of one head after the other. Parts: lanes, attention_tiled, attention_tiled_apart
// or attention_tiled_together.

@group(0) @binding(4) var<storage, read> hi: array<u32>; // last token of each token's row
@group(0) @binding(5) var<storage, read> d_o: array<E>; // [N, n_heads, C]
@group(0) @binding(6) var<storage, read> stats: array<vec2f>; // [N, n_heads]: log-sum-exp, delta

var<workgroup> end: u32; // last query that sees any of the keys

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let id = (group.x + P.origin.x) / PARTS;
  let part = (group.x + P.origin.x) % PARTS * OWN * WIDE;
  let j0 = id / P.n_kv_heads * ROWS; // early keys are seen most often and start first
  let kv = id % P.n_kv_heads;
  let heads = P.n_heads / P.n_kv_heads;
  let row = lane / ACROSS;
  let column = lane % ACROSS;
  let beyond = min(j0 + ROWS, P.N);
  let mine = vec4u(j0 + row) + vec4u(0u, 8u, 16u, 24u);
  let held = min(mine, vec4u(beyond - 1u));
  let ends = vec4u(hi[held.x], hi[held.y], hi[held.z], hi[held.w]);
  if (lane == 0u) { end = hi[beyond - 1u]; }
  let to = workgroupUniformLoad(&end);

  var dk: array<E, OWN * 4u>;
  var dv: array<E, OWN * 4u>;
  for (var h = kv * heads; h < (kv + 1u) * heads; h++) {
    for (var t0 = j0; t0 <= to; t0 += COLUMNS) {
      var s: array<vec4f, MINE> = array<vec4f, MINE>();
      for (var c0 = 0u; c0 < C; c0 += CHUNK) {
        for (var e = lane; e < ROWS * CHUNK; e += WG) {
          let at = e / CHUNK;
          let c = min(c0 + e % CHUNK, C - 1u);
          let there = C % CHUNK == 0u || c0 + e % CHUNK < C;
          tile[at * PITCH + e % CHUNK] = select(E(), k[key_at(min(j0 + at, beyond - 1u), kv) + c], there);
          tile[(ROWS + at) * PITCH + e % CHUNK] = q[query_at(min(t0 + at, to), h) + c];
        }
        workgroupBarrier();
        let more = multiplied(row, column);
        // @unroll
        for (var j = 0u; j < MINE; j++) { s[j] += more[j]; }
        workgroupBarrier();
      }
      // @unroll
      for (var j = 0u; j < MINE; j++) {
        let t = t0 + column + j * ACROSS;
        let lse = stats[min(t, to) * P.n_heads + h].x;
        s[j] = select(vec4f(), exp(s[j] * P.scale - lse), (mine <= vec4u(t)) & (vec4u(t) <= ends));
        factors[(column + j * ACROSS) * FACTORS + row] = s[j];
      }

      // @unroll
      for (var w = 0u; w < OWN; w++) {
        for (var e = lane; e < COLUMNS * WIDE; e += WG) {
          let c = min(part + w * WIDE + e % WIDE, C - 1u);
          tile[e / WIDE * WIDE_PITCH + e % WIDE] = d_o[output_at(min(t0 + e / WIDE, to), h) + c];
        }
        workgroupBarrier();
        let more = gathered(row, column);
        // @unroll
        for (var i = 0u; i < 4u; i++) { dv[i * OWN + w] += more[i]; }
        workgroupBarrier();
      }

      var dp: array<vec4f, MINE> = array<vec4f, MINE>();
      for (var c0 = 0u; c0 < C; c0 += CHUNK) {
        for (var e = lane; e < ROWS * CHUNK; e += WG) {
          let at = e / CHUNK;
          let c = min(c0 + e % CHUNK, C - 1u);
          let there = C % CHUNK == 0u || c0 + e % CHUNK < C;
          tile[at * PITCH + e % CHUNK] = select(E(), v[value_at(min(j0 + at, beyond - 1u), kv) + c], there);
          tile[(ROWS + at) * PITCH + e % CHUNK] = d_o[output_at(min(t0 + at, to), h) + c];
        }
        workgroupBarrier();
        let more = multiplied(row, column);
        // @unroll
        for (var j = 0u; j < MINE; j++) { dp[j] += more[j]; }
        workgroupBarrier();
      }
      // @unroll
      for (var j = 0u; j < MINE; j++) {
        let delta = stats[min(t0 + column + j * ACROSS, to) * P.n_heads + h].y;
        factors[(column + j * ACROSS) * FACTORS + row] = s[j] * (dp[j] - delta);
      }

      // @unroll
      for (var w = 0u; w < OWN; w++) {
        for (var e = lane; e < COLUMNS * WIDE; e += WG) {
          let c = min(part + w * WIDE + e % WIDE, C - 1u);
          tile[e / WIDE * WIDE_PITCH + e % WIDE] = q[query_at(min(t0 + e / WIDE, to), h) + c];
        }
        workgroupBarrier();
        let more = gathered(row, column);
        // @unroll
        for (var i = 0u; i < 4u; i++) { dk[i * OWN + w] += more[i]; }
        workgroupBarrier(); // before the next columns take the place of these
      }
    }
  }

  // @unroll
  for (var i = 0u; i < 4u; i++) {
    // @unroll
    for (var w = 0u; w < OWN; w++) {
      let c = part + w * WIDE + column;
      if (mine[i] < P.N && c < C) {
        let at = mine[i] * P.ldg + kv * C + c;
        put_key(P.k_at + at, dk[i * OWN + w] * P.scale);
        put_value(P.v_at + at, dv[i * OWN + w]);
      }
    }
  }
}
