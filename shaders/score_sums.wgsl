// sums[t, k] = factor x sum of the b neighbours x[t, k b ..], over N tokens. One invocation a sum.

struct Params {
  origin: vec3u,
  count: u32,
  b: u32,
  factor: f32,
}
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> sums: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (group.x + P.origin.x) * 64u + lane;
  if (i >= P.count) {
    return;
  }
  var s = 0.0;
  for (var j = 0u; j < P.b; j++) {
    s += x[i * P.b + j];
  }
  sums[i] = P.factor * s;
}
