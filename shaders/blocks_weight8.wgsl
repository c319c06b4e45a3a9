// dD[i, j] (+)= sum_t dy[t, r b + i] x[t, c b + j] for every chosen block (r, c), for edges that are multiples of 8.
// An invocation owns 8 x 8 of a block: four loads for 64 multiply-adds. Parts: lanes4, blocks, blocks_by8.

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let wg = group + P.origin;
  let own = place(wg, lane);
  let j0 = own.x;
  let i0 = own.y;
  if (i0 >= P.b) {
    return;
  }
  let block = pair(wg.z) * P.b;
  let row = (block.x + i0) / 4u;
  let col = (block.y + j0) / 4u;
  var acc: array<vec4f, 16>;
  for (var t = 0u; t < P.N; t++) {
    let r = row + t * P.rows / 4u;
    let s = col + t * P.cols / 4u;
    let u = array<vec4f, 2>(dy[r], dy[r + 1u]);
    let v = x[s];
    let w = x[s + 1u];
    // @unroll
    for (var q = 0u; q < 8u; q++) {
      acc[2u * q] = fma(vec4f(u[q / 4u][q % 4u]), v, acc[2u * q]);
      acc[2u * q + 1u] = fma(vec4f(u[q / 4u][q % 4u]), w, acc[2u * q + 1u]);
    }
  }
  // @unroll
  for (var q = 0u; q < 8u; q++) {
    put((wg.z * P.b + i0 + q) * P.b + j0, acc[2u * q], acc[2u * q + 1u]);
  }
}
