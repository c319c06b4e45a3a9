// B of the tiled product is W + D: where a block of the matrix is chosen, its difference is added, so that the sum is rounded once to f32.
// D: the chosen blocks [n, edge, edge] in order of block row, then column. lists from list_at on: for each 32 blocks of the matrix,
// row by row, which of them are chosen, as bits, and how many were before: so the place of a block in D is a sum of bits.
// B begins at line line0 of the matrix, which has `across` blocks in a row; per_edge is 1 / edge. edge and line0 are multiples of 4.
@group(0) @binding(3) var<storage, read> lists: array<u32>;
@group(0) @binding(4) var<storage, read> d: array<vec4f>;

// i / edge by a multiplication: exact below 2^22, and no division.
fn edges(i: u32) -> u32 {
  return u32((f32(i) + 0.5) * P.per_edge);
}

fn with_blocks(x: mat4x4f, line: u32, start: u32) -> mat4x4f {
  let row = line + P.line0;
  let block = vec2u(edges(row), edges(start));
  let i = block.x * P.across + block.y;
  let bits = lists[P.list_at + i / 32u * 2u];
  let bit = 1u << (i % 32u);
  if ((bits & bit) == 0u) { return x; }
  let n = lists[P.list_at + i / 32u * 2u + 1u] + countOneBits(bits & (bit - 1u));
  let at = ((n * P.edge + row - block.x * P.edge) * P.edge + start - block.y * P.edge) / 4u;
  let next = P.edge / 4u;
  return x + mat4x4f(d[at], d[at + next], d[at + 2u * next], d[at + 3u * next]);
}
