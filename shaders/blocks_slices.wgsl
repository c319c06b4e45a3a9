// dD[i, j] (+)= sum_t dy[t, r b + i] x[t, c b + j] for every chosen block (r, c), where tiles would be too large or too few. b: a multiple of 4.
// A workgroup owns `part` x `part` of a block, which divides b and is below 32; an invocation 4 x 4 of that and every `slices`-th token, a
// power of two of them. The slices are added as a tree. lists from list_at on: the block row and column of each.

struct Params {
  origin: vec3u,
  N: u32,
  b: u32,
  part: u32,
  dy_at: u32, ldy: u32, x_at: u32, ldx: u32,
  list_at: u32,
  slices: u32,
  accumulate: u32,
}
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read> lists: array<u32>;
@group(0) @binding(2) var<storage, read> x: array<vec4f>;
@group(0) @binding(3) var<storage, read> dy: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> out: array<vec4f>;

var<workgroup> sums: array<vec4f, 256>; // [row of a 4 x 4][invocation]

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let wg = group + P.origin;
  let n = wg.y;
  let across = P.b / P.part;
  let wide = P.part / 4u;
  let tiles = wide * wide;
  let i = wg.x / across * P.part + lane % tiles / wide * 4u; // of the block
  let j = wg.x % across * P.part + lane % wide * 4u;
  let at = P.list_at + 2u * n;
  let u = (P.dy_at + lists[at] * P.b + i) / 4u;
  let v = (P.x_at + lists[at + 1u] * P.b + j) / 4u;
  var acc: array<vec4f, 4>;
  if (lane < tiles * P.slices) {
    for (var t = lane / tiles; t < P.N; t += P.slices) {
      let row = dy[u + t * (P.ldy / 4u)];
      let col = x[v + t * (P.ldx / 4u)];
      // @unroll
      for (var q = 0u; q < 4u; q++) { acc[q] = fma(vec4f(row[q]), col, acc[q]); }
    }
  }
  // @unroll
  for (var q = 0u; q < 4u; q++) { sums[q * 64u + lane] = acc[q]; }
  workgroupBarrier();
  for (var half = P.slices / 2u; half > 0u; half /= 2u) {
    if (lane < tiles * half) {
      // @unroll
      for (var q = 0u; q < 4u; q++) { sums[q * 64u + lane] += sums[q * 64u + lane + tiles * half]; }
    }
    workgroupBarrier();
  }
  if (lane >= tiles) { return; }
  // @unroll
  for (var q = 0u; q < 4u; q++) {
    let to = ((n * P.b + i + q) * P.b + j) / 4u;
    if (P.accumulate != 0u) { out[to] += sums[q * 64u + lane]; } else { out[to] = sums[q * 64u + lane]; }
  }
}
