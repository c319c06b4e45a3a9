// C[m, n] = sum_k A[m, k] B[k, n] from panels of 64 rows of A and 64 columns of B (gemm_pack.wgsl); one 64 x 64 tile a workgroup.
// The workgroup is eight invocations of one subgroup: a row of panel A is loaded once, four elements a lane, and broadcast.
// On a software adapter a load costs fifty multiply-adds and a broadcast one or two. a_at and b_at are where the panels start.
const ROWS: u32 = 64;
const COLS4: u32 = 2;
const STEP: u32 = 32;
@group(0) @binding(0) var<storage, read> a: array<vec4f>;
@group(0) @binding(1) var<storage, read> b: array<vec4f>;

@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) lane: u32) {
  let wg = id + P.origin;
  let panel = (P.K + 3u) / 4u * 64u;
  var acc: array<vec4f, ROWS * COLS4>;
  var a_k = P.a_at / 4u + wg.y * panel + lane;
  var b_k = P.b_at / 4u + wg.x * panel + lane;
  for (var k = 0u; k < P.K; k++) {
    var y: array<vec4f, COLS4>;
    // @unroll
    for (var j = 0u; j < COLS4; j++) { y[j] = b[b_k + j * 8u]; }
    // @unroll
    for (var i = 0u; i < ROWS; i += 32u) {
      let four = a[a_k + i / 4u];
      // @unroll
      for (var l = 0u; l < 8u; l++) {
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
    b_k += 16u;
  }
  finish(acc, wg.y * ROWS, wg.x * 64u + lane * 4u);
}
