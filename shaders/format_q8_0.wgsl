// A weight stored as q8_0: blocks of 32 with one f16 scale d, value = d q.
// wq, 8 words a block: 32 signed bytes in order. ws: d.
@group(0) @binding(0) var<storage, read> wq: array<u32>;

fn run4(run: u32, e: u32) -> vec4f {
  let w = bitcast<i32>(wq[run * 8u + e / 4u]);
  return vec4f(vec4i(w << 24u, w << 16u, w << 8u, w) >> vec4u(24u)) * scale(run);
}
