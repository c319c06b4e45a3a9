// Where a workgroup of the tiled product finds A, B and C: in one product a block of a matrix, z of them. lists from list_at on: the block
// row and column of each. A is dy [k, rows], B is x [k, cols], C the blocks [n, edge, edge].
@group(0) @binding(3) var<storage, read> lists: array<u32>;

fn place(z: u32) -> vec3u {
  let at = P.list_at + 2u * z;
  return vec3u(P.a_at + lists[at] * P.edge, P.b_at + lists[at + 1u] * P.edge, P.c_at + z * P.edge * P.edge);
}
