// Attention backward, keys and values, in tiles: dv_j = sum_t p_t do_t and dk_j = scale sum_t p_t (do_t·v_j - delta_t) q_t. A workgroup
// owns BK keys of one kv head and holds them and their values, and one tile at a time: queries for the scores, do, queries again.
// Parts: lanes, attention, attention_keys, attention_backward, attention_tiled.

const OUTPUTS = BK / 4u * C; // of 4 keys x one element
const OWN = (OUTPUTS + 63u) / 64u;

var<workgroup> keys: array<E, BK * PITCH>;
var<workgroup> values: array<E, BK * PITCH>;
var<workgroup> tile: array<E, BQ * PITCH>;
var<workgroup> probabilities: array<f32, BK * BQ>;
var<workgroup> d_scores: array<f32, BK * BQ>;
var<workgroup> end: u32; // last query that sees any of the keys

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let id = group.x + P.origin.x;
  let j0 = id / P.n_kv_heads * BK;
  let kv = id % P.n_kv_heads;
  let heads = P.n_heads / P.n_kv_heads;

  for (var e = lane; e < BK * C; e += 64u) {
    let at = key_at(min(j0 + e / C, P.N - 1u), kv) + e % C;
    keys[in_tile(e)] = k[at] * P.scale;
    values[in_tile(e)] = v[at];
  }
  if (lane == 0u) { end = hi[min(j0 + BK, P.N) - 1u]; }
  let to = workgroupUniformLoad(&end);
  let row = lane / 8u * TQ;
  let column = lane % 8u;

  var dk: array<E, OWN * 4u>;
  var dv: array<E, OWN * 4u>;
  for (var h = kv * heads; h < (kv + 1u) * heads; h++) {
    for (var t0 = j0; t0 <= to; t0 += BQ) {
      for (var e = lane; e < BQ * C; e += 64u) {
        tile[in_tile(e)] = q[query_at(min(t0 + e / C, to), h) + e % C];
      }
      workgroupBarrier();
      var s = array<E, TQ * TK>();
      for (var c = 0u; c < C; c++) {
        // @unroll
        for (var i = 0u; i < TQ; i++) {
          let x = tile[(row + i) * PITCH + c];
          // @unroll
          for (var j = 0u; j < TK; j++) { s[i * TK + j] = fma(x, keys[(column + j * 8u) * PITCH + c], s[i * TK + j]); }
        }
      }
      workgroupBarrier();

      for (var e = lane; e < BQ * C; e += 64u) {
        tile[in_tile(e)] = d_o[query_at(min(t0 + e / C, to), h) + e % C];
      }
      workgroupBarrier();
      var dp = array<E, TQ * TK>();
      for (var c = 0u; c < C; c++) {
        // @unroll
        for (var i = 0u; i < TQ; i++) {
          let dy = tile[(row + i) * PITCH + c];
          // @unroll
          for (var j = 0u; j < TK; j++) { dp[i * TK + j] = fma(dy, values[(column + j * 8u) * PITCH + c], dp[i * TK + j]); }
        }
      }
      // @unroll
      for (var i = 0u; i < TQ; i++) {
        let t = t0 + row + i;
        let row_stats = stats[min(t, to) * P.n_heads + h];
        // @unroll
        for (var j = 0u; j < TK; j++) {
          let key = j0 + column + j * 8u;
          let seen = seen_by(key, hi[min(key, P.N - 1u)], t);
          let made = pair(s[i * TK + j], dp[i * TK + j], row_stats, seen);
          let at = (column + j * 8u) * BQ + row + i;
          probabilities[at] = made.x;
          d_scores[at] = made.y;
        }
      }
      workgroupBarrier();

      // @unroll
      for (var w = 0u; w < OWN; w++) {
        let output = lane + w * 64u;
        if (output < OUTPUTS) {
          for (var i = 0u; i < BQ; i++) {
            let dy = tile[i * PITCH + output % C];
            // @unroll
            for (var a = 0u; a < 4u; a++) {
              dv[w * 4u + a] = fma(E(probabilities[(output / C * 4u + a) * BQ + i]), dy, dv[w * 4u + a]);
            }
          }
        }
      }
      workgroupBarrier();

      for (var e = lane; e < BQ * C; e += 64u) {
        tile[in_tile(e)] = q[query_at(min(t0 + e / C, to), h) + e % C];
      }
      workgroupBarrier();
      // @unroll
      for (var w = 0u; w < OWN; w++) {
        let output = lane + w * 64u;
        if (output < OUTPUTS) {
          for (var i = 0u; i < BQ; i++) {
            let x = tile[i * PITCH + output % C];
            // @unroll
            for (var a = 0u; a < 4u; a++) {
              dk[w * 4u + a] = fma(E(d_scores[(output / C * 4u + a) * BQ + i]), x, dk[w * 4u + a]);
            }
          }
        }
      }
      workgroupBarrier(); // before the next queries take the place of these
    }
  }

  // @unroll
  for (var w = 0u; w < OWN; w++) {
    let output = lane + w * 64u;
    // @unroll
    for (var a = 0u; a < 4u; a++) {
      let j = j0 + output / C * 4u + a;
      if (output < OUTPUTS && j < P.N) {
        let at = key_at(j, kv) + output % C;
        d_k[at] = dk[w * 4u + a] * P.scale;
        d_v[at] = dv[w * 4u + a];
      }
    }
  }
}
