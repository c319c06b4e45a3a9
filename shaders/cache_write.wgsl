// cache[positions[t], c] = x[t, c] for N new rows of keys or values.  x [N, width], cache [capacity + 1, width]; padding goes to the last row.

struct Params {
  origin: vec3u,
  count: u32,
  width: u32,
}
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> positions: array<u32>;
@group(0) @binding(3) var<storage, read_write> cache: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (group.x + P.origin.x) * 64u + lane;
  if (i < P.count) {
    cache[positions[i / P.width] * P.width + i % P.width] = x[i];
  }
}
