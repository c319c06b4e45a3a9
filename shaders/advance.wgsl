// Every row of a decoding goes on by its chosen token: that is the next to be read, one place further on. A row that has no room left
// stays on its last place: it has ended, whatever is chosen for it.

struct Params {
  origin: vec3u,
  N: u32, // rows
  capacity: u32, // places of a row in the cache
}
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read> chosen: array<u32>;
@group(0) @binding(2) var<storage, read> lo: array<u32>;
@group(0) @binding(3) var<storage, read_write> ids: array<u32>;
@group(0) @binding(4) var<storage, read_write> positions: array<u32>;
@group(0) @binding(5) var<storage, read_write> last: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let n = (group.x + P.origin.x) * 64u + lane;
  if (n >= P.N) {
    return;
  }
  ids[n] = select(chosen[n], 0u, chosen[n] == 0xffffffffu);
  let at = min(positions[n] + 1u, P.capacity - 1u);
  positions[n] = at;
  last[n] = lo[n] + at;
}
