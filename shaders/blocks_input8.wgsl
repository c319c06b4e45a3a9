// dx[t, c b + j] += sum over the blocks of block column c, sum_i dy[t, r b + i] D[i, j], for edges that are multiples of 8.
// An invocation owns 8 tokens x 8 columns of dx. Parts: lanes4, blocks, blocks_by8.

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let wg = group + P.origin;
  let own = place(wg, lane);
  let j0 = own.x;
  let t0 = own.y;
  if (t0 >= P.N) {
    return;
  }
  let col = group_of(wg.z);
  var acc: array<vec4f, 16>;
  for (var e = col.y; e < col.z; e++) {
    let entry = pair(e);
    let block = (entry.x * P.b * P.b + j0) / 4u;
    let row = entry.y * P.b;
    for (var k = 0u; k < P.b; k += 4u) {
      var w = array<vec4f, 8>();
      // @unroll
      for (var s = 0u; s < 4u; s++) {
        w[2u * s] = d[block + (k + s) * P.b / 4u];
        w[2u * s + 1u] = d[block + (k + s) * P.b / 4u + 1u];
      }
      // @unroll
      for (var q = 0u; q < 8u; q++) {
        // tokens beyond the last repeat it; their sums are not stored
        let v = dy[(min(t0 + q, P.N - 1u) * P.rows + row + k) / 4u];
        // @unroll
        for (var s = 0u; s < 4u; s++) {
          acc[2u * q] = fma(vec4f(v[s]), w[2u * s], acc[2u * q]);
          acc[2u * q + 1u] = fma(vec4f(v[s]), w[2u * s + 1u], acc[2u * q + 1u]);
        }
      }
    }
  }
  // @unroll
  for (var q = 0u; q < 8u; q++) {
    if (t0 + q < P.N) {
      put((t0 + q) * P.cols + col.x * P.b + j0, acc[2u * q], acc[2u * q + 1u]);
    }
  }
}
