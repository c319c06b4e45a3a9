// Where a workgroup of the tiled product finds A, B and C: in one product for each of z packed matrices.
fn place(z: u32) -> vec3u {
  return z * vec3u(P.m * P.k, P.n * P.k, P.m * P.n);
}
