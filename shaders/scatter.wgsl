// Rows added to where they were picked from: dh[at[m]] += dy[m]; each row was picked at most once, 0xffffffff is nowhere.
// One workgroup a row. Part: lanes.

struct Params {
  origin: vec3u,
  cols: u32, // of E
}
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read> dy: array<E>;
@group(0) @binding(2) var<storage, read> at: array<u32>;
@group(0) @binding(3) var<storage, read_write> dh: array<E>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let m = group.x + P.origin.x;
  let row = at[m];
  if (row == 0xffffffffu) {
    return;
  }
  for (var c = lane; c < P.cols; c += 64u) {
    dh[row * P.cols + c] += dy[m * P.cols + c];
  }
}
