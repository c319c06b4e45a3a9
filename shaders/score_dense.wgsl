// map[r, c] += a figure of the b x b block (r, c) of a gradient, from the rows of it that g [rows, cols] holds: rows row0.. of the matrix.
// KIND 0: sum of |g| / b^2, 1: sum of g / b^2, 2: sum of g^2. One workgroup a block: strided sums, then a tree. Part: reduce.

const KIND = 0u;

struct Params {
  origin: vec3u,
  rows: u32,
  cols: u32,
  b: u32,
  row0: u32,
}
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read> g: array<f32>;
@group(0) @binding(2) var<storage, read_write> map: array<f32>;

@compute @workgroup_size(WIDTH)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let wg = group + P.origin;
  let block = P.row0 / P.b + wg.y;
  // a block row may begin before the window or end after it
  let first = max(block * P.b, P.row0) - P.row0;
  let end = min((block + 1u) * P.b - P.row0, P.rows);
  var s = 0.0;
  for (var i = lane; i < (end - first) * P.b; i += WIDTH) {
    let v = g[(first + i / P.b) * P.cols + wg.x * P.b + i % P.b];
    if (KIND == 0u) {
      s += abs(v);
    } else if (KIND == 1u) {
      s += v;
    } else {
      s += v * v;
    }
  }
  s = sum_all(lane, s);
  if (lane == 0u) {
    if (KIND != 2u) {
      s /= f32(P.b * P.b);
    }
    map[block * (P.cols / P.b) + wg.x] += s;
  }
}
