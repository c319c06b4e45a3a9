// blocks_forward.wgsl for block edges that are multiples of 8: an invocation owns 8 tokens x 8 rows of y, summed along k in vec4f,
// sixteen loads for 256 multiply-adds.

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> d: array<vec4f>;
@group(0) @binding(2) var<storage, read> lists: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>;

struct Params {
  origin: vec3u,
  N: u32,
  cols: u32,
  rows: u32,
  b: u32,
  groups_at: u32,
}
@group(0) @binding(4) var<uniform> P: Params;

@compute @workgroup_size(32)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) l: u32) {
  let wg = id + P.origin;
  let across = P.b / 8u;
  let at = wg.x * 32u + l;
  let i0 = at % across * 8u;
  let t0 = at / across * 8u;
  if (t0 >= P.N) {
    return;
  }
  let group = P.groups_at + 3u * wg.z;
  var c: array<vec4f, 64>;
  for (var e = lists[group + 1u]; e < lists[group + 2u]; e++) {
    let col = lists[e] * P.b;
    let block = (e * P.b + i0) * P.b / 4u;
    for (var k = 0u; k < P.b / 4u; k++) {
      var w = array<vec4f, 8>();
      // @unroll
      for (var s = 0u; s < 8u; s++) {
        w[s] = d[block + s * P.b / 4u + k];
      }
      // @unroll
      for (var q = 0u; q < 8u; q++) {
        // tokens beyond the last repeat it; their sums are not stored
        let v = x[(min(t0 + q, P.N - 1u) * P.cols + col) / 4u + k];
        // @unroll
        for (var s = 0u; s < 8u; s++) {
          c[q * 8u + s] = fma(v, w[s], c[q * 8u + s]);
        }
      }
    }
  }
  let one = vec4f(1.0);
  let row = lists[group] * P.b + i0;
  // @unroll
  for (var q = 0u; q < 8u; q++) {
    if (t0 + q < P.N) {
      let to = ((t0 + q) * P.rows + row) / 4u;
      y[to] += vec4f(dot(c[q * 8u], one), dot(c[q * 8u + 1u], one), dot(c[q * 8u + 2u], one), dot(c[q * 8u + 3u], one));
      y[to + 1u] += vec4f(dot(c[q * 8u + 4u], one), dot(c[q * 8u + 5u], one), dot(c[q * 8u + 6u], one), dot(c[q * 8u + 7u], one));
    }
  }
}
