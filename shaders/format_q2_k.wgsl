// A weight stored as q2_k: blocks of 256 with f16 d and m, in runs of 16 with four-bit s and t: value = d s q - m t.
// wq, 21 words a block: a byte for each run, s low and t high; 64 bytes of two-bit q, elements 128 h + 32 j + n in bits 2 j of
// byte 32 h + n; d (low half) and m.
@group(0) @binding(0) var<storage, read> wq: array<u32>;

fn run4(run: u32, e: u32) -> vec4f {
  let at = run / 8u * 21u;
  let r = run % 8u;
  let st = wq[at + r / 2u] >> (r % 2u * 16u + e / 16u * 8u);
  let q = bytes4(wq[at + 4u + r / 4u * 8u + e / 4u] >> (r % 4u * 2u)) & vec4u(3u);
  let dm = unpack2x16float(wq[at + 20u]);
  return vec4f(vec4i(q)) * (dm.x * f32(st & 15u)) - dm.y * f32((st >> 4u) & 15u);
}
