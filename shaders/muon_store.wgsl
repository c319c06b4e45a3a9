// Epilogue of the tiled product for packed matrices: C = ALPHA A B + BETA D, D as C lies.
const ALPHA: f32 = 1.0;
const BETA: f32 = 0.0;

@group(0) @binding(5) var<storage, read_write> c: array<vec4f>;
@group(0) @binding(6) var<storage, read> d: array<vec4f>;

fn finish(sums: array<vec4f, ROWS * COLS4>, row: u32, col: u32, begin: u32) {
  // @unroll
  for (var i = 0u; i < ROWS; i++) {
    // @unroll
    for (var j = 0u; j < COLS4; j++) {
      if (row + i < P.m && col + j * STEP < P.n) {
        let to = (begin + (row + i) * P.ldc + col + j * STEP) / 4u;
        c[to] = ALPHA * sums[i * COLS4 + j] + BETA * d[to];
      }
    }
  }
}
