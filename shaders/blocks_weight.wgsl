// dD[i, j] (+)= sum_t dy[t, r b + i] x[t, c b + j] for every chosen block (r, c), in one dispatch, for blocks of any edge.
// One group of workgroups a block; an invocation owns 4 x 4 of it. Parts: lanes1, blocks, blocks_by4.

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let wg = group + P.origin;
  let own = place(wg, lane);
  let j0 = own.x;
  let i0 = own.y;
  if (j0 >= P.b || i0 >= P.b) {
    return;
  }
  let block = pair(wg.z) * P.b;
  let last = P.b - 1u;
  var acc: array<vec4f, 4>;
  var ia: array<u32, 4>;
  var ja: array<u32, 4>;
  // @unroll
  for (var q = 0u; q < 4u; q++) {
    ia[q] = block.x + min(i0 + q, last);
    ja[q] = block.y + min(j0 + q, last);
  }
  for (var t = 0u; t < P.N; t++) {
    let xt = t * P.cols;
    let v = vec4f(x[xt + ja[0]], x[xt + ja[1]], x[xt + ja[2]], x[xt + ja[3]]);
    // @unroll
    for (var q = 0u; q < 4u; q++) {
      acc[q] = fma(vec4f(dy[t * P.rows + ia[q]]), v, acc[q]);
    }
  }
  // @unroll
  for (var q = 0u; q < 4u; q++) {
    if (i0 + q < P.b) {
      put((wg.z * P.b + i0 + q) * P.b + j0, j0, acc[q]);
    }
  }
}
