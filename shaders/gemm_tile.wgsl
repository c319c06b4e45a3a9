// The product for GPUs: TILE_M x TILE_N of C a workgroup, DEPTH of k at a time through workgroup memory, ROWS x 4 COLS4 of C an invocation.
// AT: A lies [k, m], else [m, k]. BT: B lies [n, k], else [k, n]. Offsets, leading and contiguous dimensions are multiples of 4.
// Parts: gemm_single or gemm_half (what a tile holds), gemm_b or gemm_b_stored with gemm_bare or gemm_blocks (what B is), gemm_place or
// gemm_place_blocks (where a workgroup's product lies), gemm_tile_store with a gemm_onto, or gemm_tile_cells (what becomes of it).
//
// Banks: vec4 `at` of line d lies at `at ^ d / 4 * 2`. Eight invocations then write eight banks of 16 bytes, whether an operand lies along k
// (four patches of one line, of two lines) or across it, and what is read stays in order but for that one turn. No room is lost to padding.

const AT = false;
const BT = false;
const TILE_M: u32 = 128;
const TILE_N: u32 = 128;
const ROWS: u32 = 8;
const COLS4: u32 = 2;
const DEPTH: u32 = 16;
const ACROSS: u32 = TILE_N / 4 / COLS4;
const DOWN: u32 = TILE_M / ROWS;
const STEP: u32 = 4 * ACROSS;
const WIDE_A: u32 = TILE_M / 4;
const WIDE_B: u32 = TILE_N / 4;
const DEEP: u32 = DEPTH / 4;

struct Params {
  origin: vec3u,
  m: u32, n: u32, k: u32,
  a_at: u32, lda: u32, b_at: u32, ldb: u32, c_at: u32, ldc: u32,
  accumulate: u32,
  steps: u32, // of k that a workgroup sums, a multiple of DEPTH
  splits: u32, // the parts that k is summed in
  plane: u32, // from one part's sums to the next
  bias_at: u32, add_at: u32, ld_add: u32, // what the product is added to
  list_at: u32, edge: u32, across: u32, per_edge: f32, line0: u32, // chosen blocks
}
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read> a: array<vec4f>;

// [k][row or column / 4]: what an invocation reads at once lies in one vec4.
var<workgroup> tile_a: array<array<Four, WIDE_A>, DEPTH>;
var<workgroup> tile_b: array<array<Four, WIDE_B>, DEPTH>;

// Four elements of a line, 0 outside: what lies beyond k must not count, and may be NaN.
fn line_a(begin: u32, line: u32, start: u32) -> vec4f {
  if (line >= select(P.m, P.k, AT) || start >= select(P.k, P.m, AT)) { return vec4f(); }
  return a[(begin + line * P.lda + start) / 4u];
}

fn line_b(begin: u32, line: u32, start: u32) -> vec4f {
  if (line >= select(P.k, P.n, BT) || start >= select(P.n, P.k, BT)) { return vec4f(); }
  return read_b(begin + line * P.ldb + start);
}

// Four elements of four lines, as columns.
fn patch_a(begin: u32, line: u32, start: u32) -> mat4x4f {
  return mat4x4f(line_a(begin, line, start), line_a(begin, line + 1u, start), line_a(begin, line + 2u, start), line_a(begin, line + 3u, start));
}

fn patch_b(begin: u32, line: u32, start: u32) -> mat4x4f {
  if (line >= select(P.k, P.n, BT) || start >= select(P.n, P.k, BT)) { return mat4x4f(); }
  let x = mat4x4f(line_b(begin, line, start), line_b(begin, line + 1u, start), line_b(begin, line + 2u, start), line_b(begin, line + 3u, start));
  return with_blocks(x, line, start);
}

// Patch i of a tile. Neighbours load neighbours: along k where the operand lies so, and then the patch is turned.
fn fill_a(i: u32, begin: u32, row: u32, k: u32) {
  let along = !AT;
  let deep = select(i / WIDE_A, i % DEEP, along);
  let at = select(i % WIDE_A, i / DEEP, along);
  var x: mat4x4f;
  if (along) { x = transpose(patch_a(begin, row + 4u * at, k + 4u * deep)); } else { x = patch_a(begin, k + 4u * deep, row + 4u * at); }
  // @unroll
  for (var q = 0u; q < 4u; q++) { tile_a[4u * deep + q][at ^ (2u * deep)] = Four(x[q]); }
}

fn fill_b(i: u32, begin: u32, col: u32, k: u32) {
  let along = BT;
  let deep = select(i / WIDE_B, i % DEEP, along);
  let at = select(i % WIDE_B, i / DEEP, along);
  var x: mat4x4f;
  if (along) { x = transpose(patch_b(begin, col + 4u * at, k + 4u * deep)); } else { x = patch_b(begin, k + 4u * deep, col + 4u * at); }
  // @unroll
  for (var q = 0u; q < 4u; q++) { tile_b[4u * deep + q][at ^ (2u * deep)] = Four(x[q]); }
}

@compute @workgroup_size(ACROSS, DOWN)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) local: vec3u, @builtin(local_invocation_index) lane: u32) {
  let wg = group + P.origin;
  let row = wg.y * TILE_M;
  let col = wg.x * TILE_N;
  let first = wg.z % P.splits * P.steps;
  let end = min(first + P.steps, P.k);
  let begin = place(wg.z);
  var acc: array<vec4f, ROWS * COLS4>;
  for (var k = first; k < end; k += DEPTH) {
    for (var i = lane; i < (WIDE_A + WIDE_B) * DEEP; i += ACROSS * DOWN) {
      if (i < WIDE_A * DEEP) { fill_a(i, begin.x, row, k); } else { fill_b(i - WIDE_A * DEEP, begin.y, col, k); }
    }
    workgroupBarrier();
    for (var d = 0u; d < DEPTH; d += 4u) {
      let turn = d / 2u;
      // @unroll
      for (var q = 0u; q < 4u; q++) {
        var y: array<vec4f, COLS4>;
        // @unroll
        for (var j = 0u; j < COLS4; j++) { y[j] = vec4f(tile_b[d + q][(local.x + j * ACROSS) ^ turn]); }
        // @unroll
        for (var i = 0u; i < ROWS; i += 4u) {
          let x = vec4f(tile_a[d + q][((local.y * ROWS + i) / 4u) ^ turn]);
          // @unroll
          for (var r = 0u; r < 4u; r++) {
            // @unroll
            for (var j = 0u; j < COLS4; j++) { acc[(i + r) * COLS4 + j] = fma(vec4f(x[r]), y[j], acc[(i + r) * COLS4 + j]); }
          }
        }
      }
    }
    workgroupBarrier();
  }
  finish(acc, row + local.y * ROWS, col + local.x * 4u, begin.z);
}
