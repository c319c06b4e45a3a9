// sums[t, k] = factor x sum of the b neighbours x[t, k b ..], over N tokens. One invocation a sum.

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> sums: array<f32>;

struct Params {
  origin: vec3u,
  count: u32,
  b: u32,
  factor: f32,
}
@group(0) @binding(2) var<uniform> P: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) l: u32) {
  let i = (id.x + P.origin.x) * 64u + l;
  if (i >= P.count) {
    return;
  }
  var s = 0.0;
  for (var j = 0u; j < P.b; j++) {
    s += x[i * P.b + j];
  }
  sums[i] = P.factor * s;
}
