// Weight decay acts on the value itself.

fn effective(i: u32, value: vec4f) -> vec4f {
  return value;
}
