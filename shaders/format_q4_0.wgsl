// A weight stored as q4_0: blocks of 32 with one f16 scale d, value = d (q - 8).
// wq: 16 bytes a block as ggml has them (low nibbles are elements 0..15, high nibbles 16..31); ws: the scales, two a word.
@group(0) @binding(0) var<storage, read> wq: array<u32>;
@group(0) @binding(1) var<storage, read> ws: array<u32>;

fn scale(block: u32) -> f32 {
  return unpack2x16float(ws[block / 2u])[block % 2u];
}

fn weight4(i: u32) -> vec4f {
  let block = i / 32u;
  let w = wq[block * 4u + (i % 16u) / 4u] >> ((i & 16u) >> 2u);
  let q = (vec4u(w) >> vec4u(0u, 8u, 16u, 24u)) & vec4u(15u);
  return (vec4f(q) - 8.0) * scale(block);
}

fn weight(i: u32) -> f32 {
  return weight4(i & ~3u)[i % 4u];
}
