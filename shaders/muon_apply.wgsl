// The last of a Muon step, for packed matrices: value -= lr (decay value + sqrt(longer side) scale x), x lying with the shorter side
// first. Decay acts as AdamW's, on base + value where the value is a difference. Nothing moves in a skipped step. Parts: muon_items,
// one of muon_base, muon_plain.

struct Params {
  origin: vec3u,
  first: u32, // item of z = 0
  rows: u32,
  cols: u32,
  decay: f32,
  lr_at: u32, // place of the learning rate among the scalars
}
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read> items: array<vec2u>; // place in the arena; the size of a step, an f32
@group(0) @binding(2) var<storage, read> state: array<f32>; // 1: skipped
@group(0) @binding(3) var<storage, read> scalars: array<f32>;
@group(0) @binding(4) var<storage, read> x: array<f32>;
@group(0) @binding(5) var<storage, read_write> value: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let wg = group + P.origin;
  let count = P.rows * P.cols;
  let k = wg.x * 64u + lane;
  if (k >= count || state[1] != 0.0) {
    return;
  }
  let item = items[P.first + wg.z];
  let at = item.x + k;
  let old = value[at];
  let step = bitcast<f32>(item.y) * x[wg.z * count + turned(k, P.rows, P.cols)];
  value[at] = old - scalars[P.lr_at] * (P.decay * effective(at, old) + step);
}
