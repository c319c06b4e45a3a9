// C = alpha A B, and beta D where ADDS, for packed small matrices, one of each an item (z): A [rows, inner], and B [inner, cols], or
// [cols, inner] where TURNED. A workgroup makes TILE x TILE of C through workgroup memory, an invocation SIDE x SIDE of it, 8 apart.
//
// Nothing here branches on params alone, and the loop over `inner` counts on from one item to the next: where params alone decide, the
// llvmpipe of Mesa 22.3 may make the kernel anew each time that it is bound, and keeps them all (update_inline_shader_state of its lavapipe;
// later versions remember what they made).

const TURNED = false;
const ADDS = true;
const SIDE: u32 = 4;
const TILE: u32 = 8 * SIDE;
const DEPTH: u32 = 16;
const PITCH: u32 = TILE + 4; // lanes that write a column of k meet in a bank by two

struct Params {
  origin: vec3u,
  rows: u32,
  cols: u32,
  inner: u32,
  alpha: f32,
  beta: f32,
}
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read> d: array<f32>;
@group(0) @binding(4) var<storage, read_write> c: array<f32>;

var<workgroup> tile_a: array<f32, DEPTH * PITCH>; // [k][row]
var<workgroup> tile_b: array<f32, DEPTH * PITCH>; // [k][column]

@compute @workgroup_size(8, 8)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) local: vec3u, @builtin(local_invocation_index) lane: u32) {
  let wg = group + P.origin;
  let row0 = wg.y * TILE;
  let col0 = wg.x * TILE;
  let at_a = wg.z * P.rows * P.inner;
  let at_b = wg.z * P.cols * P.inner;
  var acc: array<f32, SIDE * SIDE>;
  let first = wg.z * P.inner;
  for (var next = first; next < first + P.inner; next += DEPTH) {
    let k0 = next - first;
    for (var i = lane; i < TILE * DEPTH; i += 64u) {
      let k = i % DEPTH;
      let row = i / DEPTH;
      var value = 0.0;
      if (k0 + k < P.inner && row0 + row < P.rows) { value = a[at_a + (row0 + row) * P.inner + k0 + k]; }
      tile_a[k * PITCH + row] = value;
    }
    if (TURNED) {
      for (var i = lane; i < TILE * DEPTH; i += 64u) {
        let k = i % DEPTH;
        let col = i / DEPTH;
        var value = 0.0;
        if (k0 + k < P.inner && col0 + col < P.cols) { value = b[at_b + (col0 + col) * P.inner + k0 + k]; }
        tile_b[k * PITCH + col] = value;
      }
    } else {
      for (var i = lane; i < TILE * DEPTH; i += 64u) {
        let col = i % TILE;
        let k = i / TILE;
        var value = 0.0;
        if (k0 + k < P.inner && col0 + col < P.cols) { value = b[at_b + (k0 + k) * P.cols + col0 + col]; }
        tile_b[k * PITCH + col] = value;
      }
    }
    workgroupBarrier();
    for (var k = 0u; k < DEPTH; k++) {
      var x: array<f32, SIDE>;
      var y: array<f32, SIDE>;
      // @unroll
      for (var i = 0u; i < SIDE; i++) {
        x[i] = tile_a[k * PITCH + local.y + 8u * i];
        y[i] = tile_b[k * PITCH + local.x + 8u * i];
      }
      // @unroll
      for (var i = 0u; i < SIDE; i++) {
        // @unroll
        for (var j = 0u; j < SIDE; j++) { acc[i * SIDE + j] = fma(x[i], y[j], acc[i * SIDE + j]); }
      }
    }
    workgroupBarrier();
  }
  // @unroll
  for (var i = 0u; i < SIDE; i++) {
    // @unroll
    for (var j = 0u; j < SIDE; j++) {
      let row = row0 + local.y + 8u * i;
      let col = col0 + local.x + 8u * j;
      if (row < P.rows && col < P.cols) {
        let at = (wg.z * P.rows + row) * P.cols + col;
        if (ADDS) {
          c[at] = P.alpha * acc[i * SIDE + j] + P.beta * d[at];
        } else {
          c[at] = P.alpha * acc[i * SIDE + j];
        }
      }
    }
  }
}
