// What the kernels of attention share that own keys: which queries see a key, and the gradients of keys and values. Part: attention.
@group(0) @binding(4) var<storage, read> hi: array<u32>; // last token of each token's row
@group(0) @binding(8) var<storage, read_write> d_k: array<E>; // [N, n_kv_heads, C]
@group(0) @binding(9) var<storage, read_write> d_v: array<E>;

/// Whether query t sees key j, whose row ends at `end`.
fn seen_by(j: u32, end: u32, t: u32) -> bool {
  return j <= t && t <= end;
}
