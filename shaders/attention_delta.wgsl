// What the backward of attention needs of each row: its log-sum-exp, and delta = sum(do o), side by side.
// One invocation a row of one head. Parts: lanes.

const HD = 64u;
const WG = 64u;
const C = HD / LANES;

struct Params {
  origin: vec3u,
  rows: u32,
}
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read> o: array<E>; // [rows, C]
@group(0) @binding(2) var<storage, read> d_o: array<E>;
@group(0) @binding(3) var<storage, read> lse: array<f32>; // [rows]
@group(0) @binding(4) var<storage, read_write> stats: array<vec2f>; // [rows]: log-sum-exp, delta

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = (group.x + P.origin.x) * WG + lane;
  if (row >= P.rows) { return; }
  var delta = E();
  for (var c = 0u; c < C; c++) { delta = fma(o[row * C + c], d_o[row * C + c], delta); }
  stats[row] = vec2f(lse[row], total(delta));
}
