// Rows of a key/value cache, each made what another was: of row r what row parents[r] held, of its first `reach` places. An invocation
// owns one element of a place in all rows: it has read them all before it writes any.

struct Params {
  origin: vec3u,
  capacity: u32, // places of a row
  width: u32, // n_kv_heads head_dim
}
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read> parents: array<u32>; // [ROWS]
@group(0) @binding(2) var<storage, read> reach: array<u32>; // [1]
@group(0) @binding(3) var<storage, read_write> cache_k: array<f32>; // [ROWS, capacity, width]
@group(0) @binding(4) var<storage, read_write> cache_v: array<f32>;

const ROWS = 8u;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let id = (group.x + P.origin.x) * 64u + lane;
  if (id >= min(reach[0], P.capacity) * P.width) {
    return;
  }
  let row = P.capacity * P.width;
  var k: array<f32, ROWS>;
  var v: array<f32, ROWS>;
  for (var r = 0u; r < ROWS; r++) {
    k[r] = cache_k[parents[r] * row + id];
    v[r] = cache_v[parents[r] * row + id];
  }
  for (var r = 0u; r < ROWS; r++) {
    if (parents[r] != r) {
      cache_k[r * row + id] = k[r];
      cache_v[r * row + id] = v[r];
    }
  }
}
