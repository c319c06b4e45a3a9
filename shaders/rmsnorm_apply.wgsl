// RMSNorm with the inverse RMS already known: y = x inv w, bit for bit what rmsnorm.wgsl wrote. Parts: lanes.

struct Params {
  origin: vec3u,
  cols: u32, // of E
  count: u32, // of E in all rows
}
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read> x: array<E>;
@group(0) @binding(2) var<storage, read> w: array<E>;
@group(0) @binding(3) var<storage, read> inv: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<E>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (group.x + P.origin.x) * 64u + lane;
  if (i >= P.count) {
    return;
  }
  let row = i / P.cols;
  y[i] = x[i] * inv[row] * w[i - row * P.cols];
}
