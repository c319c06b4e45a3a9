// The term of a column sum: a row's share in the gradient of DoRA's magnitudes, dy z / norm with z the product before scaling; dy is
// columns from AT on of rows LD apart (0: as wide as they are summed). On its way it makes the gradient of z: d_z = scale dy.
const AT = 0u;
const LD = 0u;
@group(0) @binding(2) var<storage, read> dy: array<E>;
@group(0) @binding(3) var<storage, read> z: array<E>;
@group(0) @binding(4) var<storage, read> inv_norm: array<E>;
@group(0) @binding(5) var<storage, read> scale: array<E>;
@group(0) @binding(6) var<storage, read_write> d_z: array<E>;

fn term(r: u32, c: u32) -> E {
  let i = r * P.cols + c;
  let d = dy[AT + r * select(LD, P.cols, LD == 0u) + c];
  d_z[i] = scale[c] * d;
  return d * z[i] * inv_norm[c];
}
