// What the forward kernels of attention share: the outputs, and the softmax of a row kept relative to its largest score so far.
// Parts: attention, attention_queries.
@group(0) @binding(6) var<storage, read_write> o: array<E>; // [N, n_heads, C]
@group(0) @binding(7) var<storage, read_write> lse: array<f32>; // [N, n_heads]: log-sum-exp of the scores, from which the backward goes

/// The part of a score in a sum relative to `top`; nothing for one that is not seen.
fn part(score: f32, top: f32) -> f32 {
  return select(0f, exp(score - top), score > LOWEST);
}

/// What the sum of a row's parts divides by; nothing for a row that saw none.
fn inverse(sum: f32) -> f32 {
  return select(0f, 1 / sum, sum > 0);
}
