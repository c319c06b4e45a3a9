// The term of a column sum: the value itself, of columns from AT on of rows LD apart (0: as wide as they are summed).
const AT = 0u;
const LD = 0u;
@group(0) @binding(2) var<storage, read> values: array<E>;

fn term(r: u32, c: u32) -> E {
  return values[AT + r * select(LD, P.cols, LD == 0u) + c];
}
