// A weight stored as q5_1: blocks of 32 with an f16 scale d and an f16 least value m, value = d q + m.
// wq, 6 words a block: d (low half) and m; the fifth bit of each element; nibbles, the low ones elements 0..15, the high ones 16..31.
@group(0) @binding(0) var<storage, read> wq: array<u32>;

fn run4(run: u32, e: u32) -> vec4f {
  let at = run * 6u;
  let dm = unpack2x16float(wq[at]);
  let low = bytes4(wq[at + 2u + e % 16u / 4u] >> (e / 16u * 4u)) & vec4u(15u);
  let high = (vec4u(wq[at + 1u] >> e) >> vec4u(0u, 1u, 2u, 3u)) & vec4u(1u);
  return vec4f(vec4i(low | (high << vec4u(4u)))) * dm.x + dm.y;
}
