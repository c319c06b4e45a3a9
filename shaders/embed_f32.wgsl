// Rows stored as f32, of any length.
@group(0) @binding(3) var<storage, read> wq: array<E>;

fn stored(i: u32) -> E {
  return wq[i];
}
