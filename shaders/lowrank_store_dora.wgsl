// What comes of a low-rank product with DoRA: the rest of the product z [N, width], of which y is (or is added) scale times as much.
@group(0) @binding(3) var<storage, read> scale: array<f32>;
@group(0) @binding(4) var<storage, read_write> z: array<f32>;
@group(0) @binding(5) var<storage, read_write> y: array<f32>;

fn store(n: u32, j: u32, sum: f32) {
  let whole = z[n * P.width + j] + sum;
  z[n * P.width + j] = whole;
  let at = P.y_at + n * P.ldy + j;
  y[at] = select(0.0, y[at], P.accumulate != 0u) + scale[j] * whole;
}
