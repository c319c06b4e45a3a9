// map[r, c] += mean over the b x b block (r, c) of |g|.  g [rows, cols] a window of a dense gradient, map [all rows / b, cols / b].
// One workgroup a block: strided sums, then a tree. Part: reduce.

@group(0) @binding(0) var<storage, read> g: array<f32>;
@group(0) @binding(1) var<storage, read_write> map: array<f32>;

struct Params {
  origin: vec3u,
  cols: u32,
  b: u32,
  row0: u32,
}
@group(0) @binding(2) var<uniform> P: Params;

@compute @workgroup_size(WIDTH)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) l: u32) {
  let wg = id + P.origin;
  var s = 0.0;
  for (var i = l; i < P.b * P.b; i += WIDTH) {
    s += abs(g[(wg.y * P.b + i / P.b) * P.cols + wg.x * P.b + i % P.b]);
  }
  s = sum_all(l, s);
  if (l == 0u) {
    let at = (P.row0 / P.b + wg.y) * (P.cols / P.b) + wg.x;
    map[at] += s / f32(P.b * P.b);
  }
}
