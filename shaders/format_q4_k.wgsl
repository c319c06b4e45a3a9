// A weight stored as q4_k: value = d s q - m t, scales as in format_k.
// wq, 36 words a block: 4 of scales; 128 bytes of nibbles, elements 64 h + n low and 64 h + 32 + n high in byte 32 h + n.
@group(0) @binding(0) var<storage, read> wq: array<u32>;

fn run4(run: u32, e: u32) -> vec4f {
  let at = run / 8u * 36u;
  let r = run % 8u;
  let q = bytes4(wq[at + 4u + r / 2u * 8u + e / 4u] >> (r % 2u * 4u)) & vec4u(15u);
  let s = scales_k(at, r);
  return vec4f(vec4i(q)) * s.x - s.y;
}
