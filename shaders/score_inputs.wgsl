// inputs[c] += sum over the first `tokens` rows of |x[t, c]|: padding, which comes last, does not count. One invocation a column.

struct Params {
  origin: vec3u,
  cols: u32,
  // place of the number of tokens among the scalars
  tokens: u32,
}
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> scalars: array<f32>;
@group(0) @binding(3) var<storage, read_write> inputs: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let c = (group.x + P.origin.x) * 64u + lane;
  if (c >= P.cols) {
    return;
  }
  let n = u32(scalars[P.tokens]);
  var s = 0.0;
  for (var t = 0u; t < n; t++) {
    s += abs(x[t * P.cols + c]);
  }
  inputs[c] += s;
}
