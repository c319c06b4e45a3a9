// A weight stored as q5_0: blocks of 32 with one f16 scale d, value = d (q - 16).
// wq, 5 words a block: the fifth bit of each element; nibbles, the low ones elements 0..15, the high ones 16..31. ws: d.
@group(0) @binding(0) var<storage, read> wq: array<u32>;

fn run4(run: u32, e: u32) -> vec4f {
  let at = run * 5u;
  let low = bytes4(wq[at + 1u + e % 16u / 4u] >> (e / 16u * 4u)) & vec4u(15u);
  let high = (vec4u(wq[at] >> e) >> vec4u(0u, 1u, 2u, 3u)) & vec4u(1u);
  return (vec4f(vec4i(low | (high << vec4u(4u)))) - 16.0) * scale(run);
}
