// cache[positions[t], c] = x[t, c] for N new rows of keys or values.  x [N, W], cache [capacity + 1, W]; padding goes to the last row.

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> positions: array<u32>;
@group(0) @binding(2) var<storage, read_write> cache: array<f32>;

struct Params {
  origin: vec3u,
  count: u32,
  width: u32,
}
@group(0) @binding(3) var<uniform> P: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) l: u32) {
  let i = (id.x + P.origin.x) * 64u + l;
  if (i < P.count) {
    cache[positions[i / P.width] * P.width + i % P.width] = x[i];
  }
}
