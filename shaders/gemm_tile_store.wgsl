// Epilogue of the tiled product: stores its sums, or adds them to what is there. Part: a gemm_onto.
@group(0) @binding(5) var<storage, read_write> c: array<vec4f>;

fn put(row: u32, col: u32, begin: u32, sum: vec4f) {
  if (row >= P.m || col >= P.n) { return; }
  let to = (begin + row * P.ldc + col) / 4u;
  // accumulate is 0 or 1, and row < m; of params alone, the llvmpipe of Mesa 22.3 would compile the kernel anew at every binding
  if (row < P.m * P.accumulate) { c[to] = sum + c[to]; } else { c[to] = onto(row, col, sum); }
}

fn finish(sums: array<vec4f, ROWS * COLS4>, row: u32, col: u32, begin: u32) {
  // @unroll
  for (var i = 0u; i < ROWS; i++) {
    // @unroll
    for (var j = 0u; j < COLS4; j++) { put(row + i, col + j * STEP, begin, sums[i * COLS4 + j]); }
  }
}
