// y[m, r] (+)= sum_k x[m, k] W[r, k] for a few rows m, straight from the stored format, of any alignment. Part: a format.
// A workgroup owns 8 rows of W; 8 lanes share a row and walk it side by side, so that neighbours read neighbouring words.

struct Params {
  origin: vec3u,
  rows: u32,
  cols: u32,
  x_at: u32,
  ldx: u32,
  y_at: u32,
  ldy: u32,
  accumulate: u32,
}
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

var<workgroup> sums: array<f32, 64>;

@compute @workgroup_size(8, 8)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) local: vec3u) {
  let wg = group + P.origin;
  let r = wg.x * 8u + local.y;
  let xm = P.x_at + wg.y * P.ldx;
  var s = 0.0;
  if (r < P.rows) {
    let at = r * P.cols;
    for (var k = local.x; k < P.cols; k += 8u) {
      s = fma(weight(at + k), x[xm + k], s);
    }
  }
  let at = local.y * 8u;
  sums[at + local.x] = s;
  workgroupBarrier();
  if (local.x == 0u && r < P.rows) {
    let all = ((sums[at] + sums[at + 1u]) + (sums[at + 2u] + sums[at + 3u])) + ((sums[at + 4u] + sums[at + 5u]) + (sums[at + 6u] + sums[at + 7u]));
    let o = P.y_at + wg.y * P.ldy + r;
    y[o] = select(0.0, y[o], P.accumulate != 0u) + all;
  }
}
