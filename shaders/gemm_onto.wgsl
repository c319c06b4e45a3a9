// What the product's sums are added to: nothing.
fn onto(row: u32, col: u32, sum: vec4f) -> vec4f {
  return sum;
}
