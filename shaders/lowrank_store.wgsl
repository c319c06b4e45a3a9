// What comes of a low-rank product: it is y, or is added to it.
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

fn store(n: u32, j: u32, sum: f32) {
  let at = P.y_at + n * P.ldy + j;
  y[at] = select(0.0, y[at], P.accumulate != 0u) + sum;
}
