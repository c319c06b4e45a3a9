// What a product is added to: y[n, o] = bias[o] + residual[n, o], either, or zero; y is columns from AT on of rows LD apart (0: all
// of them). Parts: lanes, one of fill_*.

const AT = 0u;
const LD = 0u;

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
    if (LD == 0u) {
      y[i] = start(i);
    } else {
      y[AT + i / P.cols * LD + i % P.cols] = start(i);
    }
  }
}
