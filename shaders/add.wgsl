// y += x, element by element.

struct Params {
  origin: vec3u,
  count: u32, // of vec4f
}
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (group.x + P.origin.x) * 64u + lane;
  if (i < P.count) {
    y[i] += x[i];
  }
}
