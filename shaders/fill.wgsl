// What a product is added to: y[n, o] = bias[o] + residual[n, o], either, or zero. Parts: lanes, one of fill_*.

struct Params {
  origin: vec3u,
  cols: u32, // of E
  count: u32, // of E in all rows
}
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read_write> y: array<E>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (group.x + P.origin.x) * 64u + lane;
  if (i < P.count) {
    y[i] = start(i);
  }
}
