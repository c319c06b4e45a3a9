// x = x / (|x| + 1e-12) for packed matrices, |x| from the sums of squares that muon_moment left. Part: reduce.

struct Params {
  origin: vec3u,
  count: u32, // of a matrix
  runs: u32, // sums of a matrix
}
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read> squares: array<f32>;
@group(0) @binding(2) var<storage, read_write> x: array<f32>;

@compute @workgroup_size(WIDTH)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let wg = group + P.origin;
  var mine = 0.0;
  for (var i = lane; i < P.runs; i += WIDTH) {
    mine += squares[wg.z * P.runs + i];
  }
  let by = 1.0 / (sqrt(sum_all(lane, mine)) + 1e-12);
  let end = min(P.count, (wg.x + 1u) * 16u * WIDTH);
  for (var k = wg.x * 16u * WIDTH + lane; k < end; k += WIDTH) {
    x[wg.z * P.count + k] *= by;
  }
}
