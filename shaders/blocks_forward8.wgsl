// y[t, r b + i] += sum over the blocks of block row r, sum_j x[t, c b + j] D[i, j], for edges that are multiples of 8.
// An invocation owns 8 tokens x 8 rows of y, summed along j in vec4f. Parts: lanes4, blocks, blocks_by8.

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let wg = group + P.origin;
  let own = place(wg, lane);
  let i0 = own.x;
  let t0 = own.y;
  if (t0 >= P.N) {
    return;
  }
  let row = group_of(wg.z);
  var acc: array<vec4f, 64>;
  for (var e = row.y; e < row.z; e++) {
    let col = lists[P.entries_at + e] * P.b;
    let block = (e * P.b + i0) * P.b / 4u;
    for (var k = 0u; k < P.b / 4u; k++) {
      var w = array<vec4f, 8>();
      // @unroll
      for (var s = 0u; s < 8u; s++) {
        w[s] = d[block + s * P.b / 4u + k];
      }
      // @unroll
      for (var q = 0u; q < 8u; q++) {
        // tokens beyond the last repeat it; their sums are not stored
        let v = x[(min(t0 + q, P.N - 1u) * P.cols + col) / 4u + k];
        // @unroll
        for (var s = 0u; s < 8u; s++) {
          acc[q * 8u + s] = fma(v, w[s], acc[q * 8u + s]);
        }
      }
    }
  }
  let one = vec4f(1.0);
  // @unroll
  for (var q = 0u; q < 8u; q++) {
    if (t0 + q < P.N) {
      let at = q * 8u;
      put(
        (t0 + q) * P.rows + row.x * P.b + i0,
        vec4f(dot(acc[at], one), dot(acc[at + 1u], one), dot(acc[at + 2u], one), dot(acc[at + 3u], one)),
        vec4f(dot(acc[at + 4u], one), dot(acc[at + 5u], one), dot(acc[at + 6u], one), dot(acc[at + 7u], one)),
      );
    }
  }
}
