// The term of a column sum: the value itself.
@group(0) @binding(2) var<storage, read> values: array<E>;

fn term(r: u32, c: u32) -> E {
  return values[r * P.cols + c];
}
