// map[r, c] += factor times the sum of the partials of block (r, c), in a fixed order. A block has height x width partials
// (gemm_reduce.wgsl); a row of the map has `across` blocks. One invocation a block.

struct Params { origin: vec3u, blocks: u32, across: u32, height: u32, width: u32, factor: f32 }
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read> partials: array<f32>;
@group(0) @binding(2) var<storage, read_write> map: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let block = (group.x + P.origin.x) * 64u + lane;
  if (block >= P.blocks) { return; }
  let pitch = P.width * P.across;
  let at = block / P.across * P.height * pitch + block % P.across * P.width;
  var sum = 0.0;
  for (var i = 0u; i < P.height; i++) {
    // A row apart first: sums of sums lose less than one long sum.
    var line = 0.0;
    for (var j = 0u; j < P.width; j++) { line += partials[at + i * pitch + j]; }
    sum += line;
  }
  map[block] += sum * P.factor;
}
