// Row norms of W + s B A from |w|^2 + s b' (2 W A' + s A A' b), the sum itself never formed: scale = magnitude / norm, and 1 / norm.
// squares[rows] = |w|^2, cross[rows, rank] = W A', gram[rank, rank] = A A'. An invocation makes one row.

struct Params {
  origin: vec3u,
  rows: u32,
  rank: u32,
  s: f32,
}
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read> squares: array<f32>;
@group(0) @binding(2) var<storage, read> factor: array<f32>; // B [rows, rank]
@group(0) @binding(3) var<storage, read> cross_: array<f32>;
@group(0) @binding(4) var<storage, read> gram: array<f32>;
@group(0) @binding(5) var<storage, read> magnitude: array<f32>;
@group(0) @binding(6) var<storage, read_write> scale: array<f32>;
@group(0) @binding(7) var<storage, read_write> inv_norm: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = (group.x + P.origin.x) * 64u + lane;
  if (row >= P.rows) {
    return;
  }
  let at = row * P.rank;
  var sum = 0.0;
  for (var k = 0u; k < P.rank; k++) {
    var own = 0.0;
    for (var l = 0u; l < P.rank; l++) {
      own = fma(gram[k * P.rank + l], factor[at + l], own);
    }
    sum = fma(factor[at + k], 2.0 * cross_[at + k] + P.s * own, sum);
  }
  let norm = sqrt(max(squares[row] + P.s * sum, 0.0));
  inv_norm[row] = 1.0 / norm;
  scale[row] = magnitude[row] / norm;
}
