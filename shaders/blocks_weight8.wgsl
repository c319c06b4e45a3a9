// blocks_weight.wgsl for block edges that are multiples of 8: an invocation owns 8 x 8 of a block,
// four loads for 64 multiply-adds.

@group(0) @binding(0) var<storage, read> dy: array<vec4f>;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> lists: array<u32>;
@group(0) @binding(3) var<storage, read_write> dd: array<vec4f>;

struct Params {
  origin: vec3u,
  N: u32,
  cols: u32,
  rows: u32,
  b: u32,
  where_at: u32,
  accumulate: u32,
}
@group(0) @binding(4) var<uniform> P: Params;

@compute @workgroup_size(32)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) l: u32) {
  let wg = id + P.origin;
  let across = P.b / 8u;
  let at = wg.x * 32u + l;
  let j0 = at % across * 8u;
  let i0 = at / across * 8u;
  if (i0 >= P.b) {
    return;
  }
  let row = (lists[P.where_at + 2u * wg.z] * P.b + i0) / 4u;
  let col = (lists[P.where_at + 2u * wg.z + 1u] * P.b + j0) / 4u;
  var c: array<vec4f, 16>;
  for (var t = 0u; t < P.N; t++) {
    let r = row + t * P.rows / 4u;
    let s = col + t * P.cols / 4u;
    let u = array<vec4f, 2>(dy[r], dy[r + 1u]);
    let v = x[s];
    let w = x[s + 1u];
    // @unroll
    for (var q = 0u; q < 8u; q++) {
      c[2u * q] = fma(vec4f(u[q / 4u][q % 4u]), v, c[2u * q]);
      c[2u * q + 1u] = fma(vec4f(u[q / 4u][q % 4u]), w, c[2u * q + 1u]);
    }
  }
  // @unroll
  for (var q = 0u; q < 8u; q++) {
    let to = ((wg.z * P.b + i0 + q) * P.b + j0) / 4u;
    dd[to] = select(vec4f(), dd[to], P.accumulate != 0u) + c[2u * q];
    dd[to + 1u] = select(vec4f(), dd[to + 1u], P.accumulate != 0u) + c[2u * q + 1u];
  }
}
