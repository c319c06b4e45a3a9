// dF(k, j) (+)= sum_n u[n, k] x[n, j]: the gradient of either factor, by its strides.
// Where the width is that of up to three matrices side by side, which begin at multiples of 64, each has `rank` numbers of its own in u.
// Four times sixteen invocations: sixteen neighbouring columns, four shares of the rows that meet in workgroup memory.
// Each holds 4 ranks x 4 columns.

const ACROSS = 16u;
const SHARES = 4u;

struct Params {
  origin: vec3u,
  N: u32,
  rank: u32,
  width: u32,
  along_rank: u32, // from dF(k, j) to dF(k + 1, j)
  along_width: u32, // from dF(k, j) to dF(k, j + 1)
  ldu: u32, // from one row of u to the next
  band1: u32, // where the second matrix begins, and the third; the width where there is none
  band2: u32,
  x_at: u32,
  ldx: u32, // from one row of x to the next
  accumulate: u32,
}
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read> u: array<f32>;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read_write> grad: array<f32>;

const PITCH = 5u; // and not 4: neighbours then use different banks

var<workgroup> parts: array<vec4f, 64 * PITCH>; // [invocation, rank], the columns in the vector

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let wg = group + P.origin;
  let j0 = wg.x * (4u * ACROSS) + lane % ACROSS;
  let k0 = wg.y * 4u;
  let first = wg.x * (4u * ACROSS);
  let own = (select(0u, 1u, first >= P.band1) + select(0u, 1u, first >= P.band2)) * P.rank;
  var acc: array<vec4f, 4>;
  var rank: array<u32, 4>;
  var col: array<u32, 4>;
  // ranks and columns beyond the edge repeat the last; their sums are not stored
  // @unroll
  for (var q = 0u; q < 4u; q++) {
    rank[q] = own + min(k0 + q, P.rank - 1u);
    col[q] = min(j0 + q * ACROSS, P.width - 1u);
  }
  for (var n = lane / ACROSS; n < P.N; n += SHARES) {
    let at = P.x_at + n * P.ldx;
    let v = vec4f(x[at + col[0]], x[at + col[1]], x[at + col[2]], x[at + col[3]]);
    // @unroll
    for (var q = 0u; q < 4u; q++) {
      acc[q] = fma(vec4f(u[n * P.ldu + rank[q]]), v, acc[q]);
    }
  }
  // @unroll
  for (var q = 0u; q < 4u; q++) {
    parts[lane * PITCH + q] = acc[q];
  }
  workgroupBarrier();
  let q = lane / ACROSS; // this invocation finishes one rank of its columns
  var sum = vec4f();
  for (var i = 0u; i < SHARES; i++) {
    sum += parts[(i * ACROSS + lane % ACROSS) * PITCH + q];
  }
  if (k0 + q < P.rank) {
    // @unroll
    for (var c = 0u; c < 4u; c++) {
      let j = j0 + c * ACROSS;
      if (j < P.width) {
        let at = (k0 + q) * P.along_rank + j * P.along_width;
        grad[at] = select(0.0, grad[at], P.accumulate != 0u) + sum[c];
      }
    }
  }
}
