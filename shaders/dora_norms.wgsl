// Row norms of W + s B A on GPUs, each row formed on its way: row_scale = magnitude / norm, and 1 / norm. Part: a format.
// Where the rows are those of up to three matrices one behind the other, which begin at multiples of 8, so are their factors A.
// A workgroup makes 8 rows, and its invocations share the columns, four at a time; they meet in its memory.

const ROWS = 8u;

struct Params {
  origin: vec3u,
  row0: u32, // of the matrix, where the window begins
  rows: u32, // of the window
  cols: u32, // a multiple of 4
  rank: u32,
  band1: u32, // the row at which the second matrix begins, and the third; all rows where there is none
  band2: u32,
  s: f32,
}
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read> factor_a: array<vec4f>; // A [rank, cols] of each matrix
@group(0) @binding(2) var<storage, read> factor_b: array<f32>; // B [all rows, rank]
@group(0) @binding(3) var<storage, read> magnitude: array<f32>;
@group(0) @binding(4) var<storage, read_write> row_scale: array<f32>;
@group(0) @binding(5) var<storage, read_write> inv_norm: array<f32>;

const PITCH = ROWS + 1u; // neighbours then use different banks

var<workgroup> squares: array<f32, 64 * PITCH>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let first = (group.x + P.origin.x) * ROWS;
  let whose = select(0u, 1u, P.row0 + first >= P.band1) + select(0u, 1u, P.row0 + first >= P.band2);
  let a_at = whose * P.rank * (P.cols / 4u);
  var sum: array<f32, 8>;
  var row: array<u32, 8>;
  // rows beyond the edge repeat the last; their norms are not stored
  // @unroll
  for (var q = 0u; q < 8u; q++) {
    row[q] = min(first + q, P.rows - 1u);
  }
  for (var c = lane * 4u; c < P.cols; c += 256u) {
    var w: array<vec4f, 8>;
    // @unroll
    for (var q = 0u; q < 8u; q++) {
      w[q] = weight4(row[q] * P.cols + c);
    }
    for (var k = 0u; k < P.rank; k++) {
      let a = P.s * factor_a[a_at + (k * P.cols + c) / 4u];
      // @unroll
      for (var q = 0u; q < 8u; q++) {
        w[q] = fma(vec4f(factor_b[(P.row0 + row[q]) * P.rank + k]), a, w[q]);
      }
    }
    // @unroll
    for (var q = 0u; q < 8u; q++) {
      sum[q] += dot(w[q], w[q]);
    }
  }
  // @unroll
  for (var q = 0u; q < 8u; q++) {
    squares[lane * PITCH + q] = sum[q];
  }
  workgroupBarrier();
  let r = first + lane;
  if (lane < ROWS && r < P.rows) {
    var all = 0.0;
    for (var i = 0u; i < 64u; i++) {
      all += squares[i * PITCH + lane];
    }
    let norm = sqrt(all);
    inv_norm[P.row0 + r] = 1.0 / norm;
    row_scale[P.row0 + r] = magnitude[P.row0 + r] / norm;
  }
}
