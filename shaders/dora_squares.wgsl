// squares[row0 + r] = sum over a row of panel[r, c]^2. One workgroup a row. Part: reduce.

struct Params {
  origin: vec3u,
  row0: u32,
  cols: u32,
}
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read> panel: array<f32>;
@group(0) @binding(2) var<storage, read_write> squares: array<f32>;

@compute @workgroup_size(WIDTH)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let r = group.x + P.origin.x;
  var sum = 0.0;
  for (var c = lane; c < P.cols; c += WIDTH) {
    let w = panel[r * P.cols + c];
    sum = fma(w, w, sum);
  }
  let all = sum_all(lane, sum);
  if (lane == 0u) {
    squares[P.row0 + r] = all;
  }
}
