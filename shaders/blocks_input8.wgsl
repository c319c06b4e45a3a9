// blocks_input.wgsl for block edges that are multiples of 8: an invocation owns 8 tokens x 8 columns of dx,
// sixteen loads for 256 multiply-adds.

@group(0) @binding(0) var<storage, read> dy: array<vec4f>;
@group(0) @binding(1) var<storage, read> d: array<vec4f>;
@group(0) @binding(2) var<storage, read> lists: array<u32>;
@group(0) @binding(3) var<storage, read_write> dx: array<vec4f>;

struct Params {
  origin: vec3u,
  N: u32,
  cols: u32,
  rows: u32,
  b: u32,
  entries_at: u32,
  groups_at: u32,
}
@group(0) @binding(4) var<uniform> P: Params;

@compute @workgroup_size(32)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) l: u32) {
  let wg = id + P.origin;
  let across = P.b / 8u;
  let at = wg.x * 32u + l;
  let j0 = at % across * 8u;
  let t0 = at / across * 8u;
  if (t0 >= P.N) {
    return;
  }
  let group = P.groups_at + 3u * wg.z;
  var c: array<vec4f, 16>;
  for (var e = lists[group + 1u]; e < lists[group + 2u]; e++) {
    let block = (lists[P.entries_at + 2u * e] * P.b * P.b + j0) / 4u;
    let row = lists[P.entries_at + 2u * e + 1u] * P.b;
    for (var k = 0u; k < P.b; k += 4u) {
      var w = array<vec4f, 8>();
      // @unroll
      for (var s = 0u; s < 4u; s++) {
        w[2u * s] = d[block + (k + s) * P.b / 4u];
        w[2u * s + 1u] = d[block + (k + s) * P.b / 4u + 1u];
      }
      // @unroll
      for (var q = 0u; q < 8u; q++) {
        // tokens beyond the last repeat it; their sums are not stored
        let v = dy[(min(t0 + q, P.N - 1u) * P.rows + row + k) / 4u];
        // @unroll
        for (var s = 0u; s < 4u; s++) {
          c[2u * q] = fma(vec4f(v[s]), w[2u * s], c[2u * q]);
          c[2u * q + 1u] = fma(vec4f(v[s]), w[2u * s + 1u], c[2u * q + 1u]);
        }
      }
    }
  }
  let col = lists[group] * P.b + j0;
  // @unroll
  for (var q = 0u; q < 8u; q++) {
    if (t0 + q < P.N) {
      let to = ((t0 + q) * P.cols + col) / 4u;
      dx[to] += c[2u * q];
      dx[to + 1u] += c[2u * q + 1u];
    }
  }
}
