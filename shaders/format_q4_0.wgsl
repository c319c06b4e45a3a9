// A weight stored as q4_0: blocks of 32 with one f16 scale d, value = d (q - 8).
// wq, 4 words a block: low nibbles are elements 0..15, high nibbles 16..31. ws: d.
@group(0) @binding(0) var<storage, read> wq: array<u32>;

fn run4(run: u32, e: u32) -> vec4f {
  let q = vec4i(bytes4(wq[run * 4u + e % 16u / 4u] >> (e / 16u * 4u)) & vec4u(15u));
  return (vec4f(q) - 8.0) * scale(run);
}
