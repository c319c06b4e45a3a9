// What the backward kernels of attention share: probabilities made again from the row's log-sum-exp. Part: attention.
@group(0) @binding(6) var<storage, read> d_o: array<E>; // [N, n_heads, C]
@group(0) @binding(7) var<storage, read> stats: array<vec2f>; // [N, n_heads]: log-sum-exp, delta

/// p = exp(score - log-sum-exp) of a pair and ds = p (do·v - delta), the gradient of its score; dp: do·v before its sum.
fn pair(score: E, dp: E, row_stats: vec2f, seen: bool) -> vec2f {
  let p = select(0f, exp(total(score) - row_stats.x), seen);
  return vec2f(p, p * (total(dp) - row_stats.y));
}
