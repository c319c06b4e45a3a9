// The term of a column sum: a row's share in the gradient of an RMSNorm's weight, dy x inv.
@group(0) @binding(2) var<storage, read> x: array<E>;
@group(0) @binding(3) var<storage, read> inv: array<f32>;
@group(0) @binding(4) var<storage, read> dy: array<E>;

fn term(r: u32, c: u32) -> E {
  let i = r * P.cols + c;
  return dy[i] * (x[i] * inv[r]);
}
