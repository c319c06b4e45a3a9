// The same product for software adapters, which spend more on barriers than on loads: an invocation makes 8 x 8 of C from memory alone.
// Sides are multiples of 8, and A is symmetric where B is not TURNED. Sums are those of muon_product, to the bit.

const TURNED = false;

struct Params {
  origin: vec3u,
  items: u32,
  rows: u32,
  cols: u32,
  inner: u32,
  alpha: f32,
  beta: f32,
}
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read> a: array<vec4f>;
@group(0) @binding(2) var<storage, read> b: array<vec4f>;
@group(0) @binding(3) var<storage, read> d: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> c: array<vec4f>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let across = P.cols / 8u;
  let tiles = P.rows / 8u * across;
  let id = (group.x + P.origin.x) * 64u + lane;
  let item = id / tiles;
  if (item >= P.items) { return; }
  let row = id % tiles / across * 8u;
  let col = id % across * 8u;
  var acc: array<f32, 64>;
  if (TURNED) {
    let width = P.inner / 4u;
    let at_a = (item * P.rows + row) * width;
    let at_b = (item * P.cols + col) * width;
    for (var k = 0u; k < width; k++) {
      var x: array<vec4f, 8>;
      // @unroll
      for (var i = 0u; i < 8u; i++) { x[i] = a[at_a + i * width + k]; }
      // @unroll
      for (var j = 0u; j < 8u; j++) {
        let y = b[at_b + j * width + k];
        // @unroll
        for (var i = 0u; i < 8u; i++) {
          acc[i * 8u + j] = fma(x[i].w, y.w, fma(x[i].z, y.z, fma(x[i].y, y.y, fma(x[i].x, y.x, acc[i * 8u + j]))));
        }
      }
    }
  } else {
    for (var k = 0u; k < P.inner; k++) {
      let at_a = ((item * P.inner + k) * P.rows + row) / 4u;
      let at_b = ((item * P.inner + k) * P.cols + col) / 4u;
      let x = array<vec4f, 2>(a[at_a], a[at_a + 1u]);
      let y = array<vec4f, 2>(b[at_b], b[at_b + 1u]);
      // @unroll
      for (var i = 0u; i < 8u; i++) {
        // @unroll
        for (var j = 0u; j < 8u; j++) { acc[i * 8u + j] = fma(x[i / 4u][i % 4u], y[j / 4u][j % 4u], acc[i * 8u + j]); }
      }
    }
  }
  // @unroll
  for (var i = 0u; i < 8u; i++) {
    // @unroll
    for (var j = 0u; j < 8u; j += 4u) {
      let at = ((item * P.rows + row + i) * P.cols + col + j) / 4u;
      var value = P.alpha * vec4f(acc[i * 8u + j], acc[i * 8u + j + 1u], acc[i * 8u + j + 2u], acc[i * 8u + j + 3u]);
      if (P.beta != 0.0) { value += P.beta * d[at]; }
      c[at] = value;
    }
  }
}
