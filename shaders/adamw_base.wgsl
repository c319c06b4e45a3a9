// The value is a difference: weight decay acts on base + value, the weight that the model sees.
@group(0) @binding(7) var<storage, read> base: array<vec4f>;

fn effective(i: u32, value: vec4f) -> vec4f {
  return base[i] + value;
}
