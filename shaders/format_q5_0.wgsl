// A weight stored as q5_0: blocks of 32 with one f16 scale d, value = d (q - 16).
// wq, 5 words a block: the fifth bit of each element; nibbles, the low ones elements 0..15, the high ones 16..31. ws: d.
@group(0) @binding(0) var<storage, read> wq: array<u32>;

fn weight4(i: u32) -> vec4f {
  let block = i / 32u;
  let at = block * 5u;
  let low = bytes4(wq[at + 1u + i % 16u / 4u] >> (i % 32u / 16u * 4u)) & vec4u(15u);
  let high = (vec4u(wq[at] >> (i % 32u)) >> vec4u(0u, 1u, 2u, 3u)) & vec4u(1u);
  return (vec4f(low | (high << vec4u(4u))) - 16.0) * scale(block);
}
