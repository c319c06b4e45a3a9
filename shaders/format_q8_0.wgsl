// A weight stored as q8_0: blocks of 32 with one f16 scale d, value = d q.
// wq: 32 signed bytes a block, in order; ws: the scales, two a word.
@group(0) @binding(0) var<storage, read> wq: array<u32>;
@group(0) @binding(1) var<storage, read> ws: array<u32>;

fn scale(block: u32) -> f32 {
  return unpack2x16float(ws[block / 2u])[block % 2u];
}

fn weight4(i: u32) -> vec4f {
  let w = bitcast<i32>(wq[i / 4u]);
  return vec4f(vec4i(w << 24u, w << 16u, w << 8u, w) >> vec4u(24u)) * scale(i / 32u);
}

fn weight(i: u32) -> f32 {
  return weight4(i & ~3u)[i % 4u];
}
