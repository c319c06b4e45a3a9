// Rows of a stored matrix by token id: h[n] = W[ids[n]] for the ids r0 <= id < r1 that this window holds. One workgroup a token.
// Parts: lanes, a format, embed_lanes of the same width.

struct Params {
  origin: vec3u,
  cols: u32, // of E
  r0: u32,
  r1: u32,
}
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read> ids: array<u32>;
@group(0) @binding(2) var<storage, read_write> h: array<E>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let n = group.x + P.origin.x;
  let id = ids[n];
  if (id < P.r0 || id >= P.r1) {
    return;
  }
  for (var c = lane; c < P.cols; c += 64u) {
    h[n * P.cols + c] = stored((id - P.r0) * P.cols + c);
  }
}
