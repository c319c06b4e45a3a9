// Gradient of RMSNorm with respect to its input, with g = dy w: dx (+)= inv (g - x inv² mean(g x)).
// Where AGAIN, y = x inv w takes the place of dy. One workgroup a row. Parts: lanes, reduce.

const AGAIN = false;

struct Params {
  origin: vec3u,
  cols: u32, // of E
  accumulate: u32,
}
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read> x: array<E>;
@group(0) @binding(2) var<storage, read> w: array<E>;
@group(0) @binding(3) var<storage, read> inv: array<f32>;
@group(0) @binding(4) var<storage, read_write> dy: array<E>;
@group(0) @binding(5) var<storage, read_write> dx: array<E>;

@compute @workgroup_size(WIDTH)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group.x + P.origin.x;
  let at = row * P.cols;
  let scale = inv[row];
  var products: E;
  for (var c = lane; c < P.cols; c += WIDTH) {
    products += dy[at + c] * w[c] * (x[at + c] * scale);
  }
  let mean = sum_all(lane, total(products)) / f32(P.cols * LANES);
  for (var c = lane; c < P.cols; c += WIDTH) {
    var d = scale * (dy[at + c] * w[c] - x[at + c] * scale * mean);
    if (P.accumulate != 0u) {
      d += dx[at + c];
    }
    dx[at + c] = d;
    if (AGAIN) { dy[at + c] = x[at + c] * scale * w[c]; }
  }
}
