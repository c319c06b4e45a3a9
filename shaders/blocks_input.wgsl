// dx[t, c b + j] += sum over the blocks of block column c, sum_i dy[t, r b + i] D[i, j], for blocks of any edge.
// One group of workgroups a block column that has blocks; an invocation owns 4 tokens x 4 columns of dx.
// Parts: lanes1, blocks, blocks_by4.

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let wg = group + P.origin;
  let own = place(wg, lane);
  let j0 = own.x;
  let t0 = own.y;
  if (j0 >= P.b || t0 >= P.N) {
    return;
  }
  let col = group_of(wg.z);
  let last = P.b - 1u;
  var acc: array<vec4f, 4>;
  var ya: array<u32, 4>;
  for (var e = col.y; e < col.z; e++) {
    let block = pair(e) * P.b; // where D has it, and where the rows of the matrix do
    // @unroll
    for (var q = 0u; q < 4u; q++) {
      ya[q] = min(t0 + q, P.N - 1u) * P.rows + block.y;
    }
    for (var k = 0u; k < P.b; k++) {
      let at = (block.x + k) * P.b;
      let w = vec4f(d[at + j0], d[at + min(j0 + 1u, last)], d[at + min(j0 + 2u, last)], d[at + min(j0 + 3u, last)]);
      // @unroll
      for (var q = 0u; q < 4u; q++) {
        acc[q] = fma(vec4f(dy[ya[q] + k]), w, acc[q]);
      }
    }
  }
  // @unroll
  for (var q = 0u; q < 4u; q++) {
    if (t0 + q < P.N) {
      put((t0 + q) * P.cols + col.x * P.b + j0, j0, acc[q]);
    }
  }
}
