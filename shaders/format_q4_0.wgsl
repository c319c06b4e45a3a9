// A weight stored as q4_0: blocks of 32 with one f16 scale d, value = d (q - 8).
// wq, 4 words a block: low nibbles are elements 0..15, high nibbles 16..31. ws: d.
@group(0) @binding(0) var<storage, read> wq: array<u32>;

fn weight4(i: u32) -> vec4f {
  let block = i / 32u;
  let q = bytes4(wq[block * 4u + i % 16u / 4u] >> (i % 32u / 16u * 4u)) & vec4u(15u);
  return (vec4f(q) - 8.0) * scale(block);
}
