// Block kernels for any edge: an invocation owns 4 lines x 4 columns of a band of b columns, a workgroup 32 x 32.
// Lines are tokens, or rows of a block; what reaches over an edge repeats the last and is not stored. Parts: lanes1, blocks.

const WG = 64u;

/// The first column and line that an invocation owns.
fn place(wg: vec3u, lane: u32) -> vec2u {
  return 4u * (8u * wg.xy + vec2u(lane % 8u, lane / 8u));
}

/// out[at + s] (+)= sums[s] where column + s is in the band.
fn put(at: u32, column: u32, sums: vec4f) {
  // @unroll
  for (var s = 0u; s < 4u; s++) {
    if (column + s < P.b) {
      out[at + s] = select(0.0, out[at + s], P.accumulate != 0u) + sums[s];
    }
  }
}
