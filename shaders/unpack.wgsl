// panel[i] = element start + i of a stored weight, as f32. Part: a format. An invocation unpacks four elements; count is a multiple of 4
// or the panel has room for the rest of the last four.

@group(0) @binding(0) var<storage, read_write> panel: array<vec4f>;

struct Params {
  origin: vec3u,
  start: u32,
  count: u32,
}
@group(0) @binding(1) var<uniform> P: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) l: u32) {
  let i = ((id.x + P.origin.x) * 64u + l) * 4u;
  if (i < P.count) {
    panel[i / 4u] = weight4(P.start + i);
  }
}
