// Starts at zero.

fn start(i: u32) -> E {
  return E();
}
