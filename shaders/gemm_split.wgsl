// Epilogue of a product whose sum over k was split: adds its planes [splits, m, n], always in the same order, by fours; then as gemm_tile_store
// does, whose params these are. An invocation owns four columns of a row. Part: a gemm_onto.

struct Params {
  origin: vec3u,
  m: u32, n: u32, splits: u32, plane: u32,
  c_at: u32, ldc: u32, accumulate: u32,
  bias_at: u32, add_at: u32, ld_add: u32,
}
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read> planes: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> c: array<vec4f>;

fn part(z: u32, i: u32) -> vec4f {
  if (z >= P.splits) { return vec4f(); }
  return planes[z * (P.plane / 4u) + i];
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (group.x + P.origin.x) * 64u + lane;
  let wide = P.n / 4u;
  if (i >= P.m * wide) { return; }
  let row = i / wide;
  let col = i % wide * 4u;
  var sum = vec4f();
  for (var z = 0u; z < P.splits; z += 4u) { sum += (part(z, i) + part(z + 1u, i)) + (part(z + 2u, i) + part(z + 3u, i)); }
  let to = (P.c_at + row * P.ldc + col) / 4u;
  if (P.accumulate != 0u) { c[to] = sum + c[to]; } else { c[to] = onto(row, col, sum); }
}
