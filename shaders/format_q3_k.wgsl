// A weight stored as q3_k: blocks of 256 with one f16 scale d, in runs of 16 with six-bit s: value = d (s - 32) (q - 4).
// wq, 27 words a block: 32 bytes of third bits, element 32 j + n in bit j of byte n; 64 bytes of the low two bits, elements
// 128 h + 32 j + n in bits 2 j of byte 32 h + n; 8 bytes of the low nibbles of s, runs 0..7 low and 8..15 high; 4 bytes of the
// high two bits, run 4 j + n in bits 2 j of byte n. ws: d.
@group(0) @binding(0) var<storage, read> wq: array<u32>;

fn run4(run: u32, e: u32) -> vec4f {
  let block = run / 8u;
  let at = block * 27u;
  let r = run % 8u;
  let low = bytes4(wq[at + 8u + r / 4u * 8u + e / 4u] >> (r % 4u * 2u)) & vec4u(3u);
  let high = bytes4(wq[at + e / 4u] >> r) & vec4u(1u);
  let byte = (r % 2u * 2u + e / 16u) * 8u;
  let s_low = (wq[at + 24u + r % 4u / 2u] >> (byte + r / 4u * 4u)) & 15u;
  let s_high = (wq[at + 26u] >> (byte + r / 2u * 2u)) & 3u;
  return (vec4f(vec4i(low | (high << vec4u(2u)))) - 4.0) * (scale(block) * (f32(s_low | (s_high << 4u)) - 32.0));
}
