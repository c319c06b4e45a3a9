// Gradient of SwiGLU's middle, in place: gate becomes dgate = ds up silu'(gate), up becomes dup = ds silu(gate).
// Where AGAIN, ds becomes s. Part: silu.

const AGAIN = false;

struct Params {
  origin: vec3u,
  count: u32, // of vec4f
}
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read_write> ds: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> gate: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> up: array<vec4f>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (group.x + P.origin.x) * 64u + lane;
  if (i >= P.count) {
    return;
  }
  let g = gate[i];
  let u = up[i];
  let d = ds[i];
  let sig = sigmoids(g);
  gate[i] = d * u * (sig.plus * (1.0 + g * sig.minus));
  up[i] = d * (g * sig.plus);
  if (AGAIN) { ds[i] = g * sig.plus * u; }
}
