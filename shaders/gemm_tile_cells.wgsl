// Epilogue of the tiled product that never stores it: sums |c|, or c^2 with SQUARE, over cells of CELL rows x 4 columns.
// CELL divides ROWS and m; n is a multiple of 4. partials: [m / CELL, n / 4] from c_at, rows ldc apart; a workgroup writes its own cells.

const CELL: u32 = 8;
const SQUARE = false;

@group(0) @binding(5) var<storage, read_write> partials: array<f32>;

fn figure(c: vec4f) -> vec4f {
  return select(abs(c), c * c, SQUARE);
}

fn finish(sums: array<vec4f, ROWS * COLS4>, row: u32, col: u32, begin: u32) {
  // @unroll
  for (var j = 0u; j < COLS4; j++) {
    // @unroll
    for (var i = 0u; i < ROWS; i += CELL) {
      var sum = vec4f();
      // @unroll
      for (var r = 0u; r < CELL; r++) { sum += figure(sums[(i + r) * COLS4 + j]); }
      if (row + i < P.m && col + j * STEP < P.n) {
        partials[begin + (row + i) / CELL * P.ldc + (col + j * STEP) / 4u] = (sum.x + sum.y) + (sum.z + sum.w);
      }
    }
  }
}
