// y[m, r] (+)= sum_k x[m, k] W[r, k] for a few rows m, straight from the stored format, for software adapters. Part: a format.
// A workgroup is one subgroup of LANES invocations, each with ROWS rows of W of its own, which it loads word by word, each word once:
// there a load costs fifty multiply-adds. Of x each loads one element in LANES, and broadcasts hand it to the others.
// A sum over k is the same whatever TOKENS is. cols is a multiple of 32.

const LANES: u32 = 8;
const ROWS: u32 = 4;
const TOKENS: u32 = 1;
const LOADS = 32u / LANES;

struct Params { origin: vec3u, tokens: u32, rows: u32, cols: u32, x_at: u32, ldx: u32, y_at: u32, ldy: u32, accumulate: u32 }
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let wg = group + P.origin;
  let row = wg.x * LANES * ROWS + lane;
  let token = wg.y * TOKENS;
  let runs = P.cols / 32u;
  // Rows beyond the edges repeat the last; their sums are not stored.
  var acc: array<vec4f, ROWS * TOKENS>;
  var w_at: array<u32, ROWS>;
  var x_at: array<u32, TOKENS>;
  // @unroll
  for (var r = 0u; r < ROWS; r++) { w_at[r] = min(row + r * LANES, P.rows - 1u) * runs; }
  // @unroll
  for (var m = 0u; m < TOKENS; m++) { x_at[m] = P.x_at + min(token + m, P.tokens - 1u) * P.ldx + lane; }
  for (var b = 0u; b < runs; b++) {
    var mine: array<f32, TOKENS * LOADS>;
    // @unroll
    for (var m = 0u; m < TOKENS; m++) {
      // @unroll
      for (var l = 0u; l < LOADS; l++) { mine[m * LOADS + l] = x[x_at[m] + b * 32u + l * LANES]; }
    }
    // @unroll
    for (var e = 0u; e < 32u; e += 4u) {
      var w: array<vec4f, ROWS>;
      // @unroll
      for (var r = 0u; r < ROWS; r++) { w[r] = run4(w_at[r] + b, e); }
      // @unroll
      for (var m = 0u; m < TOKENS; m++) {
        let own = mine[m * LOADS + e / LANES];
        let four = vec4f(
          subgroupBroadcast(own, e % LANES),
          subgroupBroadcast(own, e % LANES + 1u),
          subgroupBroadcast(own, e % LANES + 2u),
          subgroupBroadcast(own, e % LANES + 3u),
        );
        // @unroll
        for (var r = 0u; r < ROWS; r++) { acc[m * ROWS + r] = fma(w[r], four, acc[m * ROWS + r]); }
      }
    }
  }
  // @unroll
  for (var m = 0u; m < TOKENS; m++) {
    // @unroll
    for (var r = 0u; r < ROWS; r++) {
      let to = row + r * LANES;
      if (token + m < P.tokens && to < P.rows) {
        let s = acc[m * ROWS + r];
        let o = P.y_at + (token + m) * P.ldy + to;
        y[o] = select(0.0, y[o], P.accumulate != 0u) + ((s.x + s.y) + (s.z + s.w));
      }
    }
  }
}
