// What the product's sums are added to: the residual.
@group(0) @binding(7) var<storage, read> residual: array<vec4f>;

fn onto(row: u32, col: u32, sum: vec4f) -> vec4f {
  return sum + residual[(P.add_at + row * P.ld_add + col) / 4u];
}
