// Gradient of the q/k norm with respect to its input, in place over dy: with g = dy w, dx = inv (g - x inv² mean(g x)).
// x and dy may be columns of wider rows. One invocation a head. Parts: lanes.

struct Params {
  origin: vec3u,
  rows: u32, // tokens x heads
  cols: u32, // of E
  heads: u32,
  x_at: u32,
  ldx: u32, // from one token's x to the next's
  y_at: u32,
  ldy: u32,
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
  let head = row % P.heads * P.cols;
  let at = P.x_at + row / P.heads * P.ldx + head;
  let to = P.y_at + row / P.heads * P.ldy + head;
  let scale = inv[row];
  var products = E();
  for (var c = 0u; c < P.cols; c++) {
    products += dy[to + c] * w[c] * (x[at + c] * scale);
  }
  let mean = total(products) / f32(P.cols * LANES);
  for (var c = 0u; c < P.cols; c++) {
    dy[to + c] = scale * (dy[to + c] * w[c] - x[at + c] * scale * mean);
  }
}
