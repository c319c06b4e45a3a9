// Gradient of the q/k norm with respect to its input, in place over dy: with g = dy w, dx = inv (g - x inv² mean(g x)).
// One invocation a head. Parts: lanes.

struct Params {
  origin: vec3u,
  rows: u32, // tokens x heads
  cols: u32, // of E
}
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read> x: array<E>;
@group(0) @binding(2) var<storage, read> w: array<E>;
@group(0) @binding(3) var<storage, read> inv: array<f32>;
@group(0) @binding(4) var<storage, read_write> dy: array<E>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = (group.x + P.origin.x) * 64u + lane;
  if (row >= P.rows) {
    return;
  }
  let at = row * P.cols;
  let scale = inv[row];
  var products = E();
  for (var c = 0u; c < P.cols; c++) {
    products += dy[at + c] * w[c] * (x[at + c] * scale);
  }
  let mean = total(products) / f32(P.cols * LANES);
  for (var c = 0u; c < P.cols; c++) {
    dy[at + c] = scale * (dy[at + c] * w[c] - x[at + c] * scale * mean);
  }
}
