// Block kernels for edges that are multiples of 8: an invocation owns 8 lines x 8 columns of a band of b columns, sixteen loads for
// 256 multiply-adds; a workgroup owns 32 such tiles in a row. Lines are tokens, or rows of a block. Parts: lanes4, blocks.

const WG = 32u;

/// The first column and line that an invocation owns.
fn place(wg: vec3u, lane: u32) -> vec2u {
  let across = P.b / 8u;
  let tile = wg.x * WG + lane;
  return 8u * vec2u(tile % across, tile / across);
}

/// out (+)= eight sums from element `at` on.
fn put(at: u32, low: vec4f, high: vec4f) {
  let to = at / 4u;
  out[to] = select(vec4f(), out[to], P.accumulate != 0u) + low;
  out[to + 1u] = select(vec4f(), out[to + 1u], P.accumulate != 0u) + high;
}
