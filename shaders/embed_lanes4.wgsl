// Element i of the stored window where rows are read four floats at a time.

fn stored(i: u32) -> E {
  return weight4(4u * i);
}
