// Attention backward, keys and values: dv_j = sum_t p_t do_t and dk_j = scale sum_t p_t (do_t·v_j - delta_t) q_t,
// over the later queries t of the key's row and over all heads that share the key; no atomics, so the same bits every time.
// One invocation owns BK consecutive keys of one kv head. A query sees the keys of its row up to itself.
// Parts: lanes, attention, attention_keys, attention_backward.

const BK = 4u;
const WG = 8u;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let id = (group.x + P.origin.x) * WG + lane;
  let tiles = (P.N + BK - 1u) / BK;
  if (id >= tiles * P.n_kv_heads) { return; }
  let j0 = id / P.n_kv_heads * BK;
  let kv = id % P.n_kv_heads;
  let heads = P.n_heads / P.n_kv_heads;

  var key: array<E, BK * C>;
  var value: array<E, BK * C>;
  var dk: array<E, BK * C>;
  var dv: array<E, BK * C>;
  var end: array<u32, BK>;
  var to = 0u;
  // @unroll
  for (var i = 0u; i < BK; i++) {
    let j = min(j0 + i, P.N - 1u);
    let row = key_at(j, kv);
    // @unroll
    for (var c = 0u; c < C; c++) {
      key[i * C + c] = k[row + c] * P.scale;
      value[i * C + c] = v[row + c];
    }
    end[i] = hi[j];
    to = max(to, end[i]);
  }

  for (var h = kv * heads; h < (kv + 1u) * heads; h++) {
    for (var t = j0; t <= to; t++) {
      let at = t * P.n_heads + h;
      var x = array<E, C>();
      var dy = array<E, C>();
      var s = array<E, BK>();
      var dp = array<E, BK>();
      // @unroll
      for (var c = 0u; c < C; c++) {
        x[c] = q[at * C + c];
        dy[c] = d_o[at * C + c];
        // @unroll
        for (var i = 0u; i < BK; i++) {
          s[i] = fma(x[c], key[i * C + c], s[i]);
          dp[i] = fma(dy[c], value[i * C + c], dp[i]);
        }
      }
      let row_stats = stats[at];
      var p = array<f32, BK>();
      var ds = array<f32, BK>();
      // @unroll
      for (var i = 0u; i < BK; i++) {
        let seen = seen_by(j0 + i, end[i], t);
        let made = pair(s[i], dp[i], row_stats, seen);
        p[i] = made.x;
        ds[i] = made.y;
      }
      // @unroll
      for (var c = 0u; c < C; c++) {
        // @unroll
        for (var i = 0u; i < BK; i++) {
          dv[i * C + c] = fma(E(p[i]), dy[c], dv[i * C + c]);
          dk[i * C + c] = fma(E(ds[i]), x[c], dk[i * C + c]);
        }
      }
    }
  }

  // @unroll
  for (var i = 0u; i < BK; i++) {
    let j = j0 + i;
    if (j < P.N) {
      let row = key_at(j, kv);
      // @unroll
      for (var c = 0u; c < C; c++) {
        d_k[row + c] = dk[i * C + c] * P.scale;
        d_v[row + c] = dv[i * C + c];
      }
    }
  }
}
