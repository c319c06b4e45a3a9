// A weight stored as bf16, two a word, low half first: the upper half of an f32.
@group(0) @binding(0) var<storage, read> wq: array<u32>;

fn weight(i: u32) -> f32 {
  return bitcast<f32>(select(wq[i / 2u] << 16u, wq[i / 2u] & 0xffff0000u, i % 2u == 1u));
}

fn weight4(i: u32) -> vec4f {
  let a = wq[i / 2u];
  let b = wq[i / 2u + 1u];
  return bitcast<vec4f>(vec4u(a << 16u, a & 0xffff0000u, b << 16u, b & 0xffff0000u));
}

// Elements 32 run + e .. + 3, e a multiple of 4.
fn run4(run: u32, e: u32) -> vec4f {
  return weight4(run * 32u + e);
}
