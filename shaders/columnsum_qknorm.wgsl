// The term of a column sum: a head's share in the gradient of its norm's weight, dy x inv. Heads are columns of wider rows: HEADS to a
// row, of x from X_AT on and LDX apart, of dy from DY_AT on and LDDY apart.
const HEADS = 1u;
const X_AT = 0u;
const LDX = 0u;
const DY_AT = 0u;
const LDDY = 0u;
@group(0) @binding(2) var<storage, read> x: array<E>;
@group(0) @binding(3) var<storage, read> inv: array<f32>;
@group(0) @binding(4) var<storage, read> dy: array<E>;

fn term(r: u32, c: u32) -> E {
  let head = r % HEADS * P.cols + c;
  return dy[DY_AT + r / HEADS * LDDY + head] * (x[X_AT + r / HEADS * LDX + head] * inv[r]);
}
