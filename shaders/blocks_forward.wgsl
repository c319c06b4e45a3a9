// y[t, r b + i] += sum over the blocks of block row r, sum_j x[t, c b + j] D[i, j], for blocks of any edge.
// One group of workgroups a block row that has blocks; an invocation owns 4 tokens x 4 rows of y. Parts: lanes1, blocks, blocks_by4.

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let wg = group + P.origin;
  let own = place(wg, lane);
  let i0 = own.x;
  let t0 = own.y;
  if (i0 >= P.b || t0 >= P.N) {
    return;
  }
  let row = group_of(wg.z);
  var acc: array<vec4f, 4>;
  var xa: array<u32, 4>;
  var da: array<u32, 4>;
  for (var e = row.y; e < row.z; e++) {
    // @unroll
    for (var q = 0u; q < 4u; q++) {
      xa[q] = min(t0 + q, P.N - 1u) * P.cols + lists[P.entries_at + e] * P.b;
      da[q] = (e * P.b + min(i0 + q, P.b - 1u)) * P.b;
    }
    for (var k = 0u; k < P.b; k++) {
      let w = vec4f(d[da[0] + k], d[da[1] + k], d[da[2] + k], d[da[3] + k]);
      // @unroll
      for (var q = 0u; q < 4u; q++) {
        acc[q] = fma(vec4f(x[xa[q] + k]), w, acc[q]);
      }
    }
  }
  // @unroll
  for (var q = 0u; q < 4u; q++) {
    if (t0 + q < P.N) {
      put((t0 + q) * P.rows + row.x * P.b + i0, i0, acc[q]);
    }
  }
}
