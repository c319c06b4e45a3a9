// Rows picked from a matrix: y[m] = h[at[m]], zeros where at[m] is 0xffffffff. One workgroup a row. Part: lanes.

struct Params {
  origin: vec3u,
  cols: u32, // of E
}
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read> h: array<E>;
@group(0) @binding(2) var<storage, read> at: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<E>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let m = group.x + P.origin.x;
  let row = at[m];
  for (var c = lane; c < P.cols; c += 64u) {
    var v = E();
    if (row != 0xffffffffu) {
      v = h[row * P.cols + c];
    }
    y[m * P.cols + c] = v;
  }
}
