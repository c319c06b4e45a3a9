// What the product's sums are added to: residual and bias, which are summed first, as they are where a fill begins with them.
@group(0) @binding(6) var<storage, read> bias: array<vec4f>;
@group(0) @binding(7) var<storage, read> residual: array<vec4f>;

fn onto(row: u32, col: u32, sum: vec4f) -> vec4f {
  return sum + (residual[(P.add_at + row * P.ld_add + col) / 4u] + bias[(P.bias_at + col) / 4u]);
}
