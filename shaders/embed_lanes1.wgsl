// Element i of the stored window where rows are read float by float.

fn stored(i: u32) -> E {
  return weight(i);
}
