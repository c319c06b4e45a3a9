// Source of gemm_pack.wgsl for a weight in a stored format (its part declares weight4), with rows of a multiple of 4 columns.

fn four(line: u32, start: u32) -> vec4f {
  let lines = select(P.k, P.rows, ALONG_K);
  let width = select(P.rows, P.k, ALONG_K);
  return weight4(P.src_at + min(line, lines - 1u) * P.ld + min(start, width - 4u));
}
