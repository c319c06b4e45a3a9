// panel[i] = element start + i of a stored weight, as f32, for i < 4 count. Part: a format.
// An invocation unpacks RUN vec4s in a row: those of one block share the loads of its scales and, in most formats, of their quants.
// On GPUs, whose caches give that for nothing, RUN is 1, so that neighbours write neighbouring words.

const RUN: u32 = 1;

struct Params {
  origin: vec3u,
  start: u32, // a multiple of 4, of a block where there are blocks
  count: u32, // of vec4s; the panel has room for the rest of the last one
}
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read_write> panel: array<vec4f>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let run = ((group.x + P.origin.x) * 64u + lane) * RUN;
  if (run >= P.count) {
    return;
  }
  var values: array<vec4f, RUN>;
  // @unroll
  for (var j = 0u; j < RUN; j++) {
    values[j] = weight4(P.start + 4u * (run + j));
  }
  // @unroll
  for (var j = 0u; j < RUN; j++) {
    if (run + j < P.count) {
      panel[run + j] = values[j];
    }
  }
}
