// Nothing but reading: what this adapter reads at most. An invocation reads EACH neighbours of its workgroup's at a time and keeps their
// exclusive or, so that nothing is optimised away.

const WG: u32 = 8;
const EACH: u32 = 4;

struct Params {
  origin: vec3u,
  count: u32, // vec4s
  steps: u32, // of a workgroup
}
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read> data: array<vec4u>;
@group(0) @binding(2) var<storage, read_write> seen: array<vec4u>; // one a workgroup's invocation

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let id = group.x + P.origin.x;
  let start = id * P.steps * EACH * WG + lane;
  var found: array<vec4u, EACH>;
  for (var k = 0u; k < P.steps; k++) {
    // @unroll
    for (var i = 0u; i < EACH; i++) { found[i] ^= data[min(start + (k * EACH + i) * WG, P.count - 1u)]; }
  }
  var all = vec4u();
  // @unroll
  for (var i = 0u; i < EACH; i++) { all ^= found[i]; }
  seen[id * WG + lane] = all;
}
