// dD[i, j] (+)= sum_t dy[t, r b + i] x[t, c b + j] for every chosen block (r, c) of a matrix, in one dispatch.
// dy [N, rows], x [N, cols], dD [n, b, b]; an invocation owns TILE x TILE of a block. where: [n, 2] block row and column.

@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> lists: array<u32>;
@group(0) @binding(3) var<storage, read_write> dd: array<f32>;

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

const TILE = 4u;

@compute @workgroup_size(8, 8)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_id) l: vec3u) {
  let wg = id + P.origin;
  let j0 = (wg.x * 8u + l.x) * TILE;
  let i0 = (wg.y * 8u + l.y) * TILE;
  if (j0 >= P.b || i0 >= P.b) {
    return;
  }
  let row0 = lists[P.where_at + 2u * wg.z] * P.b;
  let col0 = lists[P.where_at + 2u * wg.z + 1u] * P.b;
  let last = P.b - 1u;
  var c: array<vec4f, 4>;
  var ia: array<u32, 4>;
  var ja: array<u32, 4>;
  // @unroll
  for (var q = 0u; q < 4u; q++) {
    ia[q] = row0 + min(i0 + q, last);
    ja[q] = col0 + min(j0 + q, last);
  }
  for (var t = 0u; t < P.N; t++) {
    let xt = t * P.cols;
    let v = vec4f(x[xt + ja[0]], x[xt + ja[1]], x[xt + ja[2]], x[xt + ja[3]]);
    // @unroll
    for (var q = 0u; q < 4u; q++) {
      c[q] = fma(vec4f(dy[t * P.rows + ia[q]]), v, c[q]);
    }
  }
  // @unroll
  for (var q = 0u; q < 4u; q++) {
    if (i0 + q < P.b) {
      let at = (wg.z * P.b + i0 + q) * P.b + j0;
      // @unroll
      for (var s = 0u; s < 4u; s++) {
        if (j0 + s < P.b) {
          dd[at + s] = select(0.0, dd[at + s], P.accumulate != 0u) + c[q][s];
        }
      }
    }
  }
}
