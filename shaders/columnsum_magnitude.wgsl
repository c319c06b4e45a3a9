// The term of a column sum: a row's share in the gradient of DoRA's magnitudes, dy z / norm with z the product before scaling.
@group(0) @binding(2) var<storage, read> dy: array<E>;
@group(0) @binding(3) var<storage, read> z: array<E>;
@group(0) @binding(4) var<storage, read> inv_norm: array<E>;

fn term(r: u32, c: u32) -> E {
  let i = r * P.cols + c;
  return dy[i] * z[i] * inv_norm[c];
}
