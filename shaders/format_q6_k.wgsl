// A weight stored as q6_k: blocks of 256 with one f16 scale d, in runs of 16 with a signed byte s: value = d s (q - 32).
// wq, 52 words a block: 128 bytes of low nibbles, elements 128 h + n low and 128 h + 64 + n high in byte 64 h + n; 64 bytes of the
// high two bits, elements 128 h + 32 j + n in bits 2 j of byte 32 h + n; the 16 s. ws: d.
@group(0) @binding(0) var<storage, read> wq: array<u32>;

fn run4(run: u32, e: u32) -> vec4f {
  let block = run / 8u;
  let at = block * 52u;
  let r = run % 8u;
  let low = bytes4(wq[at + r / 4u * 16u + r % 2u * 8u + e / 4u] >> (r % 4u / 2u * 4u)) & vec4u(15u);
  let high = bytes4(wq[at + 32u + r / 4u * 8u + e / 4u] >> (r % 4u * 2u)) & vec4u(3u);
  let s = bitcast<i32>(wq[at + 48u + r / 2u] << (24u - (r % 2u * 2u + e / 16u) * 8u)) >> 24u;
  return (vec4f(vec4i(low | (high << vec4u(4u)))) - 32.0) * (scale(block) * f32(s));
}
