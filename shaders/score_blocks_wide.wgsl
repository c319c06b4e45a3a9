// map[r, c] += factor times the sum of the partials of block (r, c), as score_blocks.wgsl has them, for GPUs: a workgroup a block.
// Part: reduce.

struct Params { origin: vec3u, across: u32, height: u32, width: u32, factor: f32 }
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read> partials: array<f32>;
@group(0) @binding(2) var<storage, read_write> map: array<f32>;

@compute @workgroup_size(WIDTH)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let block = group.x + P.origin.x;
  let pitch = P.width * P.across;
  let at = block / P.across * P.height * pitch + block % P.across * P.width;
  var sum = 0.0;
  for (var i = lane; i < P.height * P.width; i += WIDTH) { sum += partials[at + i / P.width * pitch + i % P.width]; }
  sum = sum_all(lane, sum);
  if (lane == 0u) { map[block] += sum * P.factor; }
}
