// The product from packed panels (gemm_pack.wgsl) without subgroups: ROWS x 32 COLS4 of C a workgroup, an eighth an invocation.
// A tall register tile is what is left to make multiply-adds outnumber loads where a lane cannot hand values to others.

const ROWS: u32 = 16;
const COLS4: u32 = 4;
const STEP: u32 = 32;

@group(0) @binding(0) var<storage, read> a: array<vec4f>;
@group(0) @binding(1) var<storage, read> b: array<vec4f>;

@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let wg = group + P.origin;
  let panel = (P.k + 3u) / 4u * 64u;
  let last = (P.n + 63u) / 64u - 1u;
  var acc: array<vec4f, ROWS * COLS4>;
  var b_at: array<u32, COLS4>;
  // @unroll
  for (var j = 0u; j < COLS4; j++) { b_at[j] = P.b_at / 4u + min((wg.x * COLS4 + j) / 2u, last) * panel + (wg.x * COLS4 + j) % 2u * 8u + lane; }
  let a_at = P.a_at / 4u + wg.y * ROWS / 64u * panel + wg.y * ROWS % 64u / 4u;
  for (var k = 0u; k < P.k; k++) {
    var y: array<vec4f, COLS4>;
    // @unroll
    for (var j = 0u; j < COLS4; j++) { y[j] = b[b_at[j] + k * 16u]; }
    // @unroll
    for (var i = 0u; i < ROWS; i += 4u) {
      let four = a[a_at + k * 16u + i / 4u];
      // @unroll
      for (var q = 0u; q < 4u; q++) {
        // @unroll
        for (var j = 0u; j < COLS4; j++) {
          acc[(i + q) * COLS4 + j] = fma(vec4f(four[q]), y[j], acc[(i + q) * COLS4 + j]);
        }
      }
    }
  }
  finish(acc, wg.y * ROWS, wg.x * 32u * COLS4 + lane * 4u);
}
