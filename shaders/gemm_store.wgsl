// Epilogue of the f32 product: stores (or adds) the register tile of an invocation; not a kernel by itself.
// The part that calls finish() declares ROWS, COLS4 and STEP: ROWS rows of COLS4 vec4f, whose columns lie STEP apart.
// c_at, ldc and n are multiples of 4.

// Rows stored in one turn: the tile moves down past them, for a tile indexed at run time would leave the registers,
// and stores for all of it take a software adapter's compiler seconds.
const STRIP: u32 = 4;

struct Params {
  origin: vec3u, m: u32, n: u32, k: u32,
  a_at: u32, lda: u32, b_at: u32, ldb: u32, c_at: u32, ldc: u32,
  accumulate: u32,
}
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read_write> c: array<vec4f>;

fn finish(sums: array<vec4f, ROWS * COLS4>, row: u32, col: u32) {
  var tile = sums;
  var at = (P.c_at + row * P.ldc + col) / 4u;
  let rows = min(ROWS, P.m - min(row, P.m));
  for (var first = 0u; first < rows; first += STRIP) {
    // @unroll
    for (var i = 0u; i < STRIP; i++) {
      if (first + i < rows) {
        // @unroll
        for (var j = 0u; j < COLS4; j++) {
          if (col + j * STEP < P.n) {
            c[at + j * STEP / 4u] = tile[i * COLS4 + j] + select(vec4f(), c[at + j * STEP / 4u], P.accumulate != 0u);
          }
        }
      }
      at += P.ldc / 4u;
    }
    // @unroll
    for (var i = 0u; i < (ROWS - STRIP) * COLS4; i++) { tile[i] = tile[i + STRIP * COLS4]; }
  }
}
