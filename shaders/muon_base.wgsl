// The value is a difference: weight decay acts on base + value, the weight that the model sees.
@group(0) @binding(6) var<storage, read> base: array<f32>;

fn effective(i: u32, value: f32) -> f32 {
  return base[i] + value;
}
