// y (+)= (weight scale[c] + plain) x, column by column of x[N, cols]. Part: lanes.

struct Params {
  origin: vec3u,
  cols: u32, // of E
  count: u32, // of E in all rows
  weight: f32,
  plain: f32,
  accumulate: u32,
}
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read> scale: array<E>;
@group(0) @binding(2) var<storage, read> x: array<E>;
@group(0) @binding(3) var<storage, read_write> y: array<E>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (group.x + P.origin.x) * 64u + lane;
  if (i >= P.count) {
    return;
  }
  let value = (P.weight * scale[i % P.cols] + P.plain) * x[i];
  if (P.accumulate == 0u) {
    y[i] = value;
  } else {
    y[i] += value;
  }
}
