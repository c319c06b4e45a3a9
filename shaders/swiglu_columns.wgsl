// SwiGLU's middle of columns that lie side by side: s = silu(gate) up with gate and up in the same rows. Part: silu.

struct Params {
  origin: vec3u,
  count: u32, // of vec4f in s
  cols: u32, // of vec4f in a row of s
  gate_at: u32,
  up_at: u32,
  ld: u32,
}
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> s: array<vec4f>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (group.x + P.origin.x) * 64u + lane;
  if (i >= P.count) { return; }
  let at = i / P.cols * P.ld + i % P.cols;
  let g = x[at + P.gate_at];
  s[i] = g * sigmoids(g).plus * x[at + P.up_at];
}
