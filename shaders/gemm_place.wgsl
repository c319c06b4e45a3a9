// Where a workgroup of the tiled product finds A, B and C: in one product, part z of the sum over k in a plane of its own.
fn place(z: u32) -> vec3u {
  return vec3u(P.a_at, P.b_at, P.c_at + z * P.plane);
}
