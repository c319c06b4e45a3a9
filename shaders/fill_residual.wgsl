// Starts at the residual.
@group(0) @binding(2) var<storage, read> residual: array<E>;

fn start(i: u32) -> E {
  return residual[i];
}
