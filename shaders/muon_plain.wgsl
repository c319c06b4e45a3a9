// Weight decay acts on the value itself.

fn effective(i: u32, value: f32) -> f32 {
  return value;
}
