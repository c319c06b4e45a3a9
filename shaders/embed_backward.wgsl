// The embedding's gradient: grad[id] += the sum of dh over the tokens with that id, in their order, so without atomics and
// with the same bits every time. One workgroup a distinct id; those that this window does not hold are skipped. Part: lanes.

struct Params {
  origin: vec3u,
  cols: u32, // of E
  r0: u32,
  r1: u32,
}
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read> groups: array<u32>; // id and first place in `order` of each distinct id, closed by empty ones
@group(0) @binding(2) var<storage, read> order: array<u32>; // tokens sorted by id
@group(0) @binding(3) var<storage, read> dh: array<E>;
@group(0) @binding(4) var<storage, read_write> grad: array<E>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let u = group.x + P.origin.x;
  let id = groups[2u * u];
  let start = groups[2u * u + 1u];
  let end = groups[2u * u + 3u];
  if (start >= end || id < P.r0 || id >= P.r1) {
    return;
  }
  for (var c = lane; c < P.cols; c += 64u) {
    var sum = E(); // naga zeroes a variable declared in a loop once only, unless told
    for (var i = start; i < end; i++) {
      sum += dh[order[i] * P.cols + c];
    }
    grad[(id - P.r0) * P.cols + c] += sum;
  }
}
