// RMSNorm: inv = 1 / sqrt(mean(x²) + eps) of each row, y = x inv w. One workgroup a row. Parts: lanes, reduce.

struct Params {
  origin: vec3u,
  cols: u32, // of E
  eps: f32,
}
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read> x: array<E>;
@group(0) @binding(2) var<storage, read> w: array<E>;
@group(0) @binding(3) var<storage, read_write> inv: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<E>;

@compute @workgroup_size(WIDTH)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group.x + P.origin.x;
  let at = row * P.cols;
  var squares: E;
  for (var c = lane; c < P.cols; c += WIDTH) {
    let v = x[at + c];
    squares += v * v;
  }
  let mean = sum_all(lane, total(squares)) / f32(P.cols * LANES);
  let scale = 1.0 / sqrt(mean + P.eps);
  if (lane == 0u) {
    inv[row] = scale;
  }
  for (var c = lane; c < P.cols; c += WIDTH) {
    y[at + c] = x[at + c] * scale * w[c];
  }
}
