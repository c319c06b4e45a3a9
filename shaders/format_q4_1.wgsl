// A weight stored as q4_1: blocks of 32 with an f16 scale d and an f16 least value m, value = d q + m.
// wq: 16 bytes a block as ggml has them (low nibbles are elements 0..15, high nibbles 16..31); ws: d (low half) and m of each block.
@group(0) @binding(0) var<storage, read> wq: array<u32>;
@group(0) @binding(1) var<storage, read> ws: array<u32>;

fn weight4(i: u32) -> vec4f {
  let block = i / 32u;
  let w = wq[block * 4u + (i % 16u) / 4u] >> ((i & 16u) >> 2u);
  let q = (vec4u(w) >> vec4u(0u, 8u, 16u, 24u)) & vec4u(15u);
  let dm = unpack2x16float(ws[block]);
  // not fma: ggml rounds the product, and stored values are to be the same bits everywhere
  return vec4f(q) * dm.x + dm.y;
}

fn weight(i: u32) -> f32 {
  return weight4(i & ~3u)[i % 4u];
}
