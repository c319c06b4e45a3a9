// Gradients of keys and values go to columns of the same rows.
@group(0) @binding(7) var<storage, read_write> d_kv: array<E>;

fn put_key(at: u32, value: E) {
  d_kv[at] = value;
}
fn put_value(at: u32, value: E) {
  d_kv[at] = value;
}
