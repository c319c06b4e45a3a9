// A weight stored as q4_1: blocks of 32 with an f16 scale d and an f16 least value m, value = d q + m.
// wq, 5 words a block: d (low half) and m; nibbles, the low ones elements 0..15, the high ones 16..31.
@group(0) @binding(0) var<storage, read> wq: array<u32>;

fn run4(run: u32, e: u32) -> vec4f {
  let at = run * 5u;
  let dm = unpack2x16float(wq[at]);
  let q = vec4i(bytes4(wq[at + 1u + e % 16u / 4u] >> (e / 16u * 4u)) & vec4u(15u));
  return vec4f(q) * dm.x + dm.y;
}
