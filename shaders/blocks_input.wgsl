// dx[t, c b + j] += sum over the blocks of block column c, sum_i dy[t, r b + i] D[i, j].  dy [N, rows], dx [N, cols], D [n, b, b].
// One group of workgroups a block column that has blocks; an invocation owns TILE tokens x TILE columns of dx.
// lists: for each entry of a column its block and block row; then per group (block column, first entry, end).

@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read> d: array<f32>;
@group(0) @binding(2) var<storage, read> lists: array<u32>;
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;

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

const TILE = 4u;

@compute @workgroup_size(8, 8)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_id) l: vec3u) {
  let wg = id + P.origin;
  let j0 = (wg.x * 8u + l.x) * TILE;
  let t0 = (wg.y * 8u + l.y) * TILE;
  if (j0 >= P.b || t0 >= P.N) {
    return;
  }
  let group = P.groups_at + 3u * wg.z;
  let col0 = lists[group] * P.b;
  var c: array<vec4f, 4>;
  var ya: array<u32, 4>;
  let last = P.b - 1u;
  for (var e = lists[group + 1u]; e < lists[group + 2u]; e++) {
    let block = lists[P.entries_at + 2u * e] * P.b;
    let row0 = lists[P.entries_at + 2u * e + 1u] * P.b;
    // @unroll
    for (var q = 0u; q < 4u; q++) {
      ya[q] = min(t0 + q, P.N - 1u) * P.rows + row0;
    }
    for (var k = 0u; k < P.b; k++) {
      let at = (block + k) * P.b;
      let w = vec4f(d[at + j0], d[at + min(j0 + 1u, last)], d[at + min(j0 + 2u, last)], d[at + min(j0 + 3u, last)]);
      // @unroll
      for (var q = 0u; q < 4u; q++) {
        c[q] = fma(vec4f(dy[ya[q] + k]), w, c[q]);
      }
    }
  }
  // @unroll
  for (var q = 0u; q < 4u; q++) {
    if (t0 + q < P.N) {
      let at = (t0 + q) * P.cols + col0 + j0;
      // @unroll
      for (var s = 0u; s < 4u; s++) {
        if (j0 + s < P.b) {
          dx[at + s] += c[q][s];
        }
      }
    }
  }
}
