// A weight stored as f16, two a word, low half first. Needs no shader-f16.
@group(0) @binding(0) var<storage, read> wq: array<u32>;

fn weight(i: u32) -> f32 {
  return unpack2x16float(wq[i / 2u])[i % 2u];
}

fn weight4(i: u32) -> vec4f {
  return vec4f(unpack2x16float(wq[i / 2u]), unpack2x16float(wq[i / 2u + 1u]));
}

// Elements 32 run + e .. + 3, e a multiple of 4.
fn run4(run: u32, e: u32) -> vec4f {
  return weight4(run * 32u + e);
}
