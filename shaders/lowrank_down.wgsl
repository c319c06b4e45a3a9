// out[n, k] = scale sum_j x[n, j] F(k, j): from a wide row to the few numbers of a rank. F is either factor, by its strides.
// Where the width is that of up to three matrices side by side, z says whose: each has `rank` numbers of its own in a row of out.
// Sixteen invocations share the width of eight rows and meet in workgroup memory; each holds 8 x 4 sums.

const ACROSS = 16u;
const ROWS = 8u;

struct Params {
  origin: vec3u,
  N: u32,
  rank: u32,
  width: u32,
  along_rank: u32, // from F(k, j) to F(k + 1, j)
  along_width: u32, // from F(k, j) to F(k, j + 1)
  x_at: u32,
  ldx: u32, // from one row of x to the next
  band1: u32, // where the second matrix begins, and the third; the width where there is none
  band2: u32,
  out_at: u32,
  ld_out: u32, // from one row of out to the next
  scale: f32,
}
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> factor: array<f32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;

const PITCH = ROWS + 1u; // neighbours then use different banks

var<workgroup> parts: array<vec4f, 64 * PITCH>; // [invocation, row], the ranks in the vector

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let wg = group + P.origin;
  let n0 = (wg.x * 4u + lane / ACROSS) * ROWS;
  let k0 = wg.y * 4u;
  let start = select(select(0u, P.band1, wg.z == 1u), P.band2, wg.z == 2u);
  let end = select(select(P.band1, P.band2, wg.z == 1u), P.width, wg.z == 2u);
  var acc: array<vec4f, 8>;
  var row: array<u32, 8>;
  var col: array<u32, 4>;
  // rows and ranks beyond the edge repeat the last; their sums are not stored
  // @unroll
  for (var q = 0u; q < 8u; q++) {
    row[q] = P.x_at + min(n0 + q, P.N - 1u) * P.ldx;
  }
  // @unroll
  for (var q = 0u; q < 4u; q++) {
    col[q] = min(k0 + q, P.rank - 1u) * P.along_rank;
  }
  for (var j = start + lane % ACROSS; j < end; j += ACROSS) {
    let at = j * P.along_width;
    let f = vec4f(factor[col[0] + at], factor[col[1] + at], factor[col[2] + at], factor[col[3] + at]);
    // @unroll
    for (var q = 0u; q < 8u; q++) {
      acc[q] = fma(vec4f(x[row[q] + j]), f, acc[q]);
    }
  }
  // @unroll
  for (var q = 0u; q < 8u; q++) {
    parts[lane * PITCH + q] = acc[q];
  }
  workgroupBarrier();
  let k = lane % 4u;
  for (var q = (lane % ACROSS) / 4u; q < ROWS; q += 4u) {
    var sum = 0.0;
    for (var i = 0u; i < ACROSS; i++) {
      sum += parts[((lane / ACROSS) * ACROSS + i) * PITCH + q][k];
    }
    if (n0 + q < P.N && k0 + k < P.rank) {
      out[P.out_at + (n0 + q) * P.ld_out + wg.z * P.rank + k0 + k] = P.scale * sum;
    }
  }
}
