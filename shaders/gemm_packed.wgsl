// C[m, n] = sum_k A[m, k] B[k, n] from panels of 64 rows of A and 64 columns of B (gemm_pack.wgsl): ROWS x 4 LANES COLS4 a workgroup.
// The workgroup is LANES invocations of one subgroup: a row of panel A is loaded once, four elements a lane, and broadcast.
// On a software adapter a load costs fifty multiply-adds and a broadcast one or two. a_at and b_at are where the panels start.

const LANES: u32 = 8;
const ROWS: u32 = 64;
const COLS4: u32 = 2;
const STEP: u32 = 4 * LANES;

@group(0) @binding(0) var<storage, read> a: array<vec4f>;
@group(0) @binding(1) var<storage, read> b: array<vec4f>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let wg = group + P.origin;
  let panel = (P.k + 3u) / 4u * 64u;
  let row = wg.y * ROWS;
  let col = wg.x * STEP * COLS4;
  let last = (P.n + 63u) / 64u - 1u;
  var acc: array<vec4f, ROWS * COLS4>;
  var a_k = P.a_at / 4u + row / 64u * panel + row % 64u / 4u + lane;
  var b_k: array<u32, COLS4>;
  // @unroll
  for (var j = 0u; j < COLS4; j++) {
    let at = col + j * STEP;
    b_k[j] = P.b_at / 4u + min(at / 64u, last) * panel + at % 64u / 4u + lane;
  }
  for (var k = 0u; k < P.k; k++) {
    var y: array<vec4f, COLS4>;
    // @unroll
    for (var j = 0u; j < COLS4; j++) { y[j] = b[b_k[j] + k * 16u]; }
    // @unroll
    for (var i = 0u; i < ROWS; i += 4u * LANES) {
      let four = a[a_k + i / 4u];
      // @unroll
      for (var l = 0u; l < LANES; l++) {
        // @unroll
        for (var q = 0u; q < 4u; q++) {
          let x = subgroupBroadcast(four[q], l);
          // @unroll
          for (var j = 0u; j < COLS4; j++) {
            acc[(i + l * 4u + q) * COLS4 + j] = fma(vec4f(x), y[j], acc[(i + l * 4u + q) * COLS4 + j]);
          }
        }
      }
    }
    a_k += 16u;
  }
  finish(acc, row, col + lane * 4u);
}
