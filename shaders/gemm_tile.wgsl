// The product for discrete and integrated GPUs: 64 x 64 of C a workgroup, 16 k at a time through workgroup memory,
// 4 x 4 or 8 x 8 of C an invocation. AT: A lies [K, M], else [M, K]. BT: B lies [N, K], else [K, N].
// Offsets, leading dimensions and contiguous dimensions are multiples of 4.
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
var<workgroup> tile_a: array<array<f32, 64>, DEPTH>;
var<workgroup> tile_b: array<array<f32, 64>, DEPTH>;

@compute @workgroup_size(ACROSS, 64 / ROWS)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_id) local: vec3u, @builtin(local_invocation_index) index: u32) {
  let wg = id + P.origin;
  let row = wg.y * 64u;
  let col = wg.x * 64u;
  var acc: array<vec4f, ROWS * COLS4>;
  for (var k = 0u; k < P.K; k += DEPTH) {
    // Each tile is 256 vec4f, dealt out over the invocations.
    for (var i = index; i < 256u; i += THREADS) {
      if (AT) {
        let at = vec2u(i / 16u, i % 16u * 4u);
        keep_a(at, four_a(k + at.x, row + at.y, P.K, P.M));
      } else {
        let at = vec2u(i % 64u, i / 64u * 4u);
        keep_a_turned(at, four_a(row + at.x, k + at.y, P.M, P.K));
      }
      if (BT) {
        let at = vec2u(i % 64u, i / 64u * 4u);
        keep_b_turned(at, four_b(col + at.x, k + at.y, P.N, P.K));
      } else {
        let at = vec2u(i / 16u, i % 16u * 4u);
        keep_b(at, four_b(k + at.x, col + at.y, P.K, P.N));
      }
    }
    workgroupBarrier();
    for (var q = 0u; q < DEPTH; q++) {
      var y: array<vec4f, COLS4>;
      // @unroll
      for (var j = 0u; j < COLS4; j++) {
        let at = local.x * 4u + j * STEP;
        y[j] = vec4f(tile_b[q][at], tile_b[q][at + 1u], tile_b[q][at + 2u], tile_b[q][at + 3u]);
      }
      // @unroll
      for (var i = 0u; i < ROWS; i++) {
        let x = vec4f(tile_a[q][local.y * ROWS + i]);
        // @unroll
        for (var j = 0u; j < COLS4; j++) { acc[i * COLS4 + j] = fma(x, y[j], acc[i * COLS4 + j]); }
      }
    }
    workgroupBarrier();
  }
  finish(acc, row + local.y * ROWS, col + local.x * 4u);
}

// Four elements of a line, 0 outside: what lies beyond K must not count, and may be NaN.
fn four_a(line: u32, start: u32, lines: u32, width: u32) -> vec4f {
  if (line >= lines || start >= width) { return vec4f(); }
  return a[(P.a_at + line * P.lda + start) / 4u];
}

fn four_b(line: u32, start: u32, lines: u32, width: u32) -> vec4f {
  if (line >= lines || start >= width) { return vec4f(); }
  return b[(P.b_at + line * P.ldb + start) / 4u];
}

fn keep_a(at: vec2u, v: vec4f) {
  // @unroll
  for (var q = 0u; q < 4u; q++) { tile_a[at.x][at.y + q] = v[q]; }
}

fn keep_a_turned(at: vec2u, v: vec4f) {
  // @unroll
  for (var q = 0u; q < 4u; q++) { tile_a[at.y + q][at.x] = v[q]; }
}

fn keep_b(at: vec2u, v: vec4f) {
  // @unroll
  for (var q = 0u; q < 4u; q++) { tile_b[at.x][at.y + q] = v[q]; }
}

fn keep_b_turned(at: vec2u, v: vec4f) {
  // @unroll
  for (var q = 0u; q < 4u; q++) { tile_b[at.y + q][at.x] = v[q]; }
}
