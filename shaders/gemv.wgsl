// y[m, r] (+)= sum_k x[m, k] W[r, k] for a few rows m, straight from the stored format. Part: a format.
// Eight invocations walk the same ROWS rows of W side by side, so that neighbours read neighbouring words; what is decoded
// serves TOKENS rows of x, what is read of x serves ROWS rows of W. cols, x_at and ldx are multiples of 4.

const TOKENS: u32 = 1;
const ROWS: u32 = 4;

struct Params { origin: vec3u, tokens: u32, rows: u32, cols: u32, x_at: u32, ldx: u32, y_at: u32, ldy: u32, accumulate: u32 }
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

// [TOKENS][8 ROWS] sums of eight invocations each, nine apart: neighbours then use different banks
var<workgroup> sums: array<f32, 72 * ROWS * TOKENS>;

@compute @workgroup_size(8, 8)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) local: vec3u, @builtin(local_invocation_index) lane: u32) {
  let wg = group + P.origin;
  let row = wg.x * 8u * ROWS;
  let token = wg.y * TOKENS;
  var acc: array<vec4f, ROWS * TOKENS>;
  // Rows beyond the edges repeat the last; their sums are not stored.
  for (var k = local.x * 4u; k < P.cols; k += 32u) {
    var at_k: array<vec4f, TOKENS>;
    // @unroll
    for (var m = 0u; m < TOKENS; m++) { at_k[m] = x[(P.x_at + min(token + m, P.tokens - 1u) * P.ldx + k) / 4u]; }
    // @unroll
    for (var r = 0u; r < ROWS; r++) {
      let w = weight4(min(row + local.y * ROWS + r, P.rows - 1u) * P.cols + k);
      // @unroll
      for (var m = 0u; m < TOKENS; m++) { acc[m * ROWS + r] = fma(w, at_k[m], acc[m * ROWS + r]); }
    }
  }
  // @unroll
  for (var m = 0u; m < TOKENS; m++) {
    // @unroll
    for (var r = 0u; r < ROWS; r++) {
      let s = acc[m * ROWS + r];
      sums[((m * 8u + local.y) * ROWS + r) * 9u + local.x] = (s.x + s.y) + (s.z + s.w);
    }
  }
  workgroupBarrier();
  for (var i = lane; i < 8u * ROWS * TOKENS; i += 64u) {
    let m = token + i / (8u * ROWS);
    let r = row + i % (8u * ROWS);
    if (m < P.tokens && r < P.rows) {
      let at = i * 9u;
      let all = ((sums[at] + sums[at + 1u]) + (sums[at + 2u] + sums[at + 3u])) + ((sums[at + 4u] + sums[at + 5u]) + (sums[at + 6u] + sums[at + 7u]));
      let o = P.y_at + m * P.ldy + r;
      y[o] = select(0.0, y[o], P.accumulate != 0u) + all;
    }
  }
}
