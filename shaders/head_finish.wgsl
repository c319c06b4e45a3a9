// dx = (dx / sum - the target's row of the head) invTargets, 0 for padding: what head_panel.wgsl left, made the gradient.
// An invocation owns four columns of a row.

struct Params {
  origin: vec3u,
  wide: u32, // vec4s of a row
  count: u32, // of them in all rows
}
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read> targetAt: array<u32>;
@group(0) @binding(2) var<storage, read> scalars: array<f32>; // 0: invTargets
@group(0) @binding(3) var<storage, read> state: array<vec4f>;
@group(0) @binding(4) var<storage, read> rows: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> dx: array<vec4f>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (group.x + P.origin.x) * 64u + lane;
  if (i >= P.count) { return; }
  let row = i / P.wide;
  if (targetAt[row] == 0xffffffffu) {
    dx[i] = vec4f();
  } else {
    dx[i] = dx[i] * (scalars[0] / state[row].y) - rows[i] * scalars[0];
  }
}
