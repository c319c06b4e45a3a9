// What q4_k and q5_k share: blocks of 256 with f16 d and m, in runs of 32 with six-bit s and t.
// The words from `at` on: d (low half) and m; then 12 bytes: runs 0..3 have s in the low bits of bytes 0..3 and t in those of bytes
// 4..7; runs 4..7 have the low nibbles of both in bytes 8..11, and their high two bits in the high ones of bytes 0..7.

// d s and m t of run r of a block.
fn scales_k(at: u32, r: u32) -> vec2f {
  let byte = r % 4u * 8u;
  let ab = vec2u(wq[at + 1u], wq[at + 2u]) >> vec2u(byte);
  let c = wq[at + 3u] >> byte;
  let early = ab & vec2u(63u);
  let late = (vec2u(c, c >> 4u) & vec2u(15u)) | ((ab >> vec2u(2u)) & vec2u(48u));
  return unpack2x16float(wq[at]) * vec2f(select(late, early, r < 4u));
}
