// A weight stored as f32. wq: the elements, row-major.
@group(0) @binding(0) var<storage, read> wq: array<f32>;

fn weight(i: u32) -> f32 {
  return wq[i];
}

// Elements i .. i + 3, i a multiple of 4.
fn weight4(i: u32) -> vec4f {
  return vec4f(wq[i], wq[i + 1u], wq[i + 2u], wq[i + 3u]);
}

// Elements 32 run + e .. + 3, e a multiple of 4.
fn run4(run: u32, e: u32) -> vec4f {
  return weight4(run * 32u + e);
}
