// y[n, j] (+)= sum_k u[n, k] F(k, j): from the few numbers of a rank to a wide row. F is either factor, by its strides. Part: lowrank_store*.
// Where the width is that of up to three matrices side by side, which begin at multiples of 64, each has `rank` numbers of its own in u.
// An invocation holds 8 rows x 4 columns; neighbours hold neighbouring columns.

const ACROSS = 16u;
const ROWS = 8u;

struct Params {
  origin: vec3u,
  N: u32,
  rank: u32,
  width: u32,
  along_rank: u32, // from F(k, j) to F(k + 1, j)
  along_width: u32, // from F(k, j) to F(k, j + 1)
  ldu: u32, // from one row of u to the next
  band1: u32, // where the second matrix begins, and the third; the width where there is none
  band2: u32,
  y_at: u32,
  ldy: u32, // from one row of y to the next
  accumulate: u32,
}
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read> u: array<f32>;
@group(0) @binding(2) var<storage, read> factor: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let wg = group + P.origin;
  let j0 = wg.x * (4u * ACROSS) + lane % ACROSS;
  let n0 = (wg.y * 4u + lane / ACROSS) * ROWS;
  if (j0 >= P.width || n0 >= P.N) {
    return;
  }
  let first = wg.x * (4u * ACROSS);
  let own = (select(0u, 1u, first >= P.band1) + select(0u, 1u, first >= P.band2)) * P.rank;
  var acc: array<vec4f, 8>;
  var row: array<u32, 8>;
  var col: array<u32, 4>;
  // rows and columns beyond the edge repeat the last; their sums are not stored
  // @unroll
  for (var q = 0u; q < 8u; q++) {
    row[q] = min(n0 + q, P.N - 1u) * P.ldu + own;
  }
  // @unroll
  for (var q = 0u; q < 4u; q++) {
    col[q] = min(j0 + q * ACROSS, P.width - 1u) * P.along_width;
  }
  for (var k = 0u; k < P.rank; k++) {
    let at = k * P.along_rank;
    let f = vec4f(factor[col[0] + at], factor[col[1] + at], factor[col[2] + at], factor[col[3] + at]);
    // @unroll
    for (var q = 0u; q < 8u; q++) {
      acc[q] = fma(vec4f(u[row[q] + k]), f, acc[q]);
    }
  }
  // @unroll
  for (var q = 0u; q < 8u; q++) {
    if (n0 + q < P.N) {
      // @unroll
      for (var c = 0u; c < 4u; c++) {
        if (j0 + c * ACROSS < P.width) {
          store(n0 + q, j0 + c * ACROSS, acc[q][c]);
        }
      }
    }
  }
}
