// The product for discrete and integrated GPUs: 64 x 64 of C a workgroup, 16 k at a time through workgroup memory,
// 4 x 4 or 8 x 8 of C an invocation. AT: A lies [k, m], else [m, k]. BT: B lies [n, k], else [k, n].
// Offsets, leading dimensions and contiguous dimensions are multiples of 4. The part gemm_single or gemm_half says what is multiplied.

const AT = false;
const BT = false;
const ROWS: u32 = 4;
const COLS4: u32 = 1;
const STEP: u32 = 64 / COLS4;
const ACROSS: u32 = 16 / COLS4;
const THREADS: u32 = ACROSS * (64 / ROWS);
const DEPTH: u32 = 16;

@group(0) @binding(0) var<storage, read> a: array<vec4f>;
@group(0) @binding(1) var<storage, read> b: array<vec4f>;

// [k][row or column / 4]: what an invocation reads at once lies in one vec4f.
var<workgroup> tile_a: array<array<Four, 16>, DEPTH>;
var<workgroup> tile_b: array<array<Four, 16>, DEPTH>;

// Four elements of a line, 0 outside: what lies beyond k must not count, and may be NaN.
fn four_a(line: u32, start: u32, lines: u32, width: u32) -> vec4f {
  if (line >= lines || start >= width) { return vec4f(); }
  return a[(P.a_at + line * P.lda + start) / 4u];
}

fn four_b(line: u32, start: u32, lines: u32, width: u32) -> vec4f {
  if (line >= lines || start >= width) { return vec4f(); }
  return b[(P.b_at + line * P.ldb + start) / 4u];
}

fn turn_a(at: u32, depth: u32, row: u32, k: u32) {
  let x = four_a(row, k, P.m, P.k);
  let y = four_a(row + 1u, k, P.m, P.k);
  let z = four_a(row + 2u, k, P.m, P.k);
  let w = four_a(row + 3u, k, P.m, P.k);
  // @unroll
  for (var q = 0u; q < 4u; q++) { tile_a[depth + q][at] = Four(vec4f(x[q], y[q], z[q], w[q])); }
}

fn turn_b(at: u32, depth: u32, col: u32, k: u32) {
  let x = four_b(col, k, P.n, P.k);
  let y = four_b(col + 1u, k, P.n, P.k);
  let z = four_b(col + 2u, k, P.n, P.k);
  let w = four_b(col + 3u, k, P.n, P.k);
  // @unroll
  for (var q = 0u; q < 4u; q++) { tile_b[depth + q][at] = Four(vec4f(x[q], y[q], z[q], w[q])); }
}

@compute @workgroup_size(ACROSS, 64 / ROWS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) local: vec3u, @builtin(local_invocation_index) lane: u32) {
  let wg = group + P.origin;
  let row = wg.y * 64u;
  let col = wg.x * 64u;
  var acc: array<vec4f, ROWS * COLS4>;
  for (var k = 0u; k < P.k; k += DEPTH) {
    // Whole vec4f are written: WGSL lets a write to one component touch its neighbours. So what lies along k is turned 4 x 4.
    if (AT) {
      for (var i = lane; i < 256u; i += THREADS) { tile_a[i / 16u][i % 16u] = Four(four_a(k + i / 16u, row + i % 16u * 4u, P.k, P.m)); }
    } else {
      for (var i = lane; i < 64u; i += THREADS) { turn_a(i % 16u, i / 16u * 4u, row + i % 16u * 4u, k + i / 16u * 4u); }
    }
    if (BT) {
      for (var i = lane; i < 64u; i += THREADS) { turn_b(i % 16u, i / 16u * 4u, col + i % 16u * 4u, k + i / 16u * 4u); }
    } else {
      for (var i = lane; i < 256u; i += THREADS) { tile_b[i / 16u][i % 16u] = Four(four_b(k + i / 16u, col + i % 16u * 4u, P.k, P.n)); }
    }
    workgroupBarrier();
    for (var q = 0u; q < DEPTH; q++) {
      var y: array<Four, COLS4>;
      // @unroll
      for (var j = 0u; j < COLS4; j++) { y[j] = tile_b[q][local.x + j * ACROSS]; }
      // @unroll
      for (var i = 0u; i < ROWS; i += 4u) {
        let x = tile_a[q][(local.y * ROWS + i) / 4u];
        // @unroll
        for (var r = 0u; r < 4u; r++) {
          // @unroll
          for (var j = 0u; j < COLS4; j++) { acc[(i + r) * COLS4 + j] = add_product(x[r], y[j], acc[(i + r) * COLS4 + j]); }
        }
      }
    }
    workgroupBarrier();
  }
  finish(acc, row + local.y * ROWS, col + local.x * 4u);
}
