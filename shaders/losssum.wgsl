// The loss of the targets: results[0] (+)= -sum of logprob[0 .. count). One workgroup. Part: reduce.

struct Params {
  origin: vec3u,
  count: u32,
  accumulate: u32,
}
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read> logprob: array<f32>;
@group(0) @binding(2) var<storage, read_write> results: array<f32>;

@compute @workgroup_size(WIDTH)
fn main(@builtin(local_invocation_index) lane: u32) {
  var sum = 0.0;
  for (var i = P.origin.x + lane; i < P.count; i += WIDTH) {
    sum -= logprob[i];
  }
  sum = sum_all(lane, sum);
  if (lane == 0u) {
    if (P.accumulate != 0u) {
      sum += results[0];
    }
    results[0] = sum;
  }
}
