// RMSNorm of each head of q or k: inv = 1 / sqrt(mean(x²) + eps), y = x inv w. Heads are short, so one invocation does a whole one.
// x and y may be columns of wider rows. Parts: lanes.

struct Params {
  origin: vec3u,
  rows: u32, // tokens x heads
  cols: u32, // of E
  heads: u32,
  x_at: u32,
  ldx: u32, // from one token's x to the next's
  y_at: u32,
  ldy: u32,
  eps: f32,
}
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read> x: array<E>;
@group(0) @binding(2) var<storage, read> w: array<E>;
@group(0) @binding(3) var<storage, read_write> inv: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<E>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = (group.x + P.origin.x) * 64u + lane;
  if (row >= P.rows) {
    return;
  }
  let head = row % P.heads * P.cols;
  let at = P.x_at + row / P.heads * P.ldx + head;
  let to = P.y_at + row / P.heads * P.ldy + head;
  var squares = E();
  for (var c = 0u; c < P.cols; c++) {
    let v = x[at + c];
    squares += v * v;
  }
  let scale = 1.0 / sqrt(total(squares) / f32(P.cols * LANES) + P.eps);
  inv[row] = scale;
  for (var c = 0u; c < P.cols; c++) {
    y[to + c] = x[at + c] * scale * w[c];
  }
}
