// What the product's sums are added to: a bias for each column.
@group(0) @binding(6) var<storage, read> bias: array<vec4f>;

fn onto(row: u32, col: u32, sum: vec4f) -> vec4f {
  return sum + bias[(P.bias_at + col) / 4u];
}
