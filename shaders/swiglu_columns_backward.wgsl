// Gradient of SwiGLU's middle of columns that lie side by side, in place: gate becomes dgate = ds up silu'(gate), up becomes
// dup = ds silu(gate). Where AGAIN, ds becomes s. Part: silu.

const AGAIN = false;

struct Params {
  origin: vec3u,
  count: u32, // of vec4f in ds
  cols: u32, // of vec4f in a row of ds
  gate_at: u32,
  up_at: u32,
  ld: u32,
}
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read_write> ds: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> x: array<vec4f>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (group.x + P.origin.x) * 64u + lane;
  if (i >= P.count) { return; }
  let at = i / P.cols * P.ld + i % P.cols;
  let g = x[at + P.gate_at];
  let u = x[at + P.up_at];
  let d = ds[i];
  let sig = sigmoids(g);
  x[at + P.gate_at] = d * u * (sig.plus * (1.0 + g * sig.minus));
  x[at + P.up_at] = d * (g * sig.plus);
  if (AGAIN) { ds[i] = g * sig.plus * u; }
}
