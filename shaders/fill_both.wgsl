// Starts at residual + bias.
@group(0) @binding(2) var<storage, read> bias: array<E>;
@group(0) @binding(3) var<storage, read> residual: array<E>;

fn start(i: u32) -> E {
  return residual[i] + bias[i % P.cols];
}
