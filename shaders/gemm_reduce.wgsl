// Epilogue of the f32 product that never stores it: sums |c|, or c^2 with SQUARE, over cells of CELL rows x 4 columns.
// Stands in the place of gemm_store.wgsl. CELL divides ROWS and m; n is a multiple of 4. partials: [m / CELL, n / 4] from c_at,
// rows ldc apart; a tile writes its own cells, so no order of workgroups shows.

const CELL: u32 = 8;
const SQUARE = false;

struct Params {
  origin: vec3u, m: u32, n: u32, k: u32,
  a_at: u32, lda: u32, b_at: u32, ldb: u32, c_at: u32, ldc: u32,
}
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read_write> partials: array<f32>;

fn finish(tile: array<vec4f, ROWS * COLS4>, row: u32, col: u32) {
  // @unroll
  for (var j = 0u; j < COLS4; j++) {
    // @unroll
    for (var i = 0u; i < ROWS; i += CELL) {
      var sum = vec4f();
      // @unroll
      for (var r = 0u; r < CELL; r++) {
        let c = tile[(i + r) * COLS4 + j];
        sum += select(abs(c), c * c, SQUARE);
      }
      if (row + i < P.m && col + j * STEP < P.n) {
        partials[P.c_at + (row + i) / CELL * P.ldc + (col + j * STEP) / 4u] = (sum.x + sum.y) + (sum.z + sum.w);
      }
    }
  }
}
