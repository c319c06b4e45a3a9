// The term of a column sum: a row's share in the gradient of DoRA's magnitudes, dy z / norm with z the product before scaling; dy is
// columns from AT on of rows LD apart (0: as wide as they are summed).
const AT = 0u;
const LD = 0u;
@group(0) @binding(2) var<storage, read> dy: array<E>;
@group(0) @binding(3) var<storage, read> z: array<E>;
@group(0) @binding(4) var<storage, read> inv_norm: array<E>;

fn term(r: u32, c: u32) -> E {
  return dy[AT + r * select(LD, P.cols, LD == 0u) + c] * z[r * P.cols + c] * inv_norm[c];
}
