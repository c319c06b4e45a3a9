// Gradients of keys and values go to a tensor each.
@group(0) @binding(7) var<storage, read_write> d_k: array<E>;
@group(0) @binding(8) var<storage, read_write> d_v: array<E>;

fn put_key(at: u32, value: E) {
  d_k[at] = value;
}
fn put_value(at: u32, value: E) {
  d_v[at] = value;
}
