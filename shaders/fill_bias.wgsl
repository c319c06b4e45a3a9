// Starts at the bias.
@group(0) @binding(2) var<storage, read> bias: array<E>;

fn start(i: u32) -> E {
  return bias[i % P.cols];
}
