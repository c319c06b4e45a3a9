// y[t, r b + i] += sum over the blocks of block row r, sum_j x[t, c b + j] D[i, j].  x [N, cols], y [N, rows], D [n, b, b].
// One group of workgroups a block row that has blocks; an invocation owns TILE tokens x TILE rows of y.
// lists: for each entry its block column; then per group (block row, first entry, end). Blocks are stored in entry order.

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> d: array<f32>;
@group(0) @binding(2) var<storage, read> lists: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

struct Params {
  origin: vec3u,
  N: u32,
  cols: u32,
  rows: u32,
  b: u32,
  groups_at: u32,
}
@group(0) @binding(4) var<uniform> P: Params;

const TILE = 4u;

@compute @workgroup_size(8, 8)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_id) l: vec3u) {
  let wg = id + P.origin;
  let i0 = (wg.x * 8u + l.x) * TILE;
  let t0 = (wg.y * 8u + l.y) * TILE;
  if (i0 >= P.b || t0 >= P.N) {
    return;
  }
  let group = P.groups_at + 3u * wg.z;
  let row0 = lists[group] * P.b;
  var c: array<vec4f, 4>;
  var xa: array<u32, 4>;
  var da: array<u32, 4>;
  for (var e = lists[group + 1u]; e < lists[group + 2u]; e++) {
    // rows beyond the edge repeat the last one; their sums are not stored
    // @unroll
    for (var q = 0u; q < 4u; q++) {
      xa[q] = min(t0 + q, P.N - 1u) * P.cols + lists[e] * P.b;
      da[q] = (e * P.b + min(i0 + q, P.b - 1u)) * P.b;
    }
    for (var k = 0u; k < P.b; k++) {
      let w = vec4f(d[da[0] + k], d[da[1] + k], d[da[2] + k], d[da[3] + k]);
      // @unroll
      for (var q = 0u; q < 4u; q++) {
        c[q] = fma(vec4f(x[xa[q] + k]), w, c[q]);
      }
    }
  }
  // @unroll
  for (var q = 0u; q < 4u; q++) {
    if (t0 + q < P.N) {
      let at = (t0 + q) * P.rows + row0 + i0;
      // @unroll
      for (var s = 0u; s < 4u; s++) {
        if (i0 + s < P.b) {
          y[at + s] += c[q][s];
        }
      }
    }
  }
}
