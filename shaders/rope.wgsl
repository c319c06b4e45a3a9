// Rotary positions, in place, of heads side by side: dimension i of each turns with dimension i + half by the angle of its position.
// sign -1 turns back, which is the gradient. One invocation a token and pair; it walks over the heads, which share the angle.

struct Params {
  origin: vec3u,
  N: u32,
  heads: u32,
  half: u32, // head_dim / 2
  first: u32, // where the first row's heads begin
  ld: u32, // from one row to the next
  sign: f32,
}
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read> positions: array<u32>;
@group(0) @binding(2) var<storage, read> table: array<vec2f>; // [positions, half]: cos, sin
@group(0) @binding(3) var<storage, read_write> x: array<f32>; // rows of [heads, 2, half]

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let id = (group.x + P.origin.x) * 64u + lane;
  if (id >= P.N * P.half) {
    return;
  }
  let t = id / P.half;
  let i = id - t * P.half;
  let turn = table[positions[t] * P.half + i];
  let cos = turn.x;
  let sin = turn.y * P.sign;
  for (var h = 0u; h < P.heads; h++) {
    let at = P.first + t * P.ld + h * 2u * P.half + i;
    let a = x[at];
    let b = x[at + P.half];
    x[at] = a * cos - b * sin;
    x[at + P.half] = b * cos + a * sin;
  }
}
