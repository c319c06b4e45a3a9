// Nothing but reading and writing, four floats at a time: the bytes a second that this adapter moves.

struct Params {
  origin: vec3u,
  count: u32, // vec4s
}
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (group.x + P.origin.x) * 256u + lane;
  if (i < P.count) {
    y[i] = x[i];
  }
}
