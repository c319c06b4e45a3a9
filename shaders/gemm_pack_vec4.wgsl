// Source of gemm_pack.wgsl where src_at, ld and the contiguous dimension are multiples of 4. An index beyond the end repeats it.
@group(0) @binding(2) var<storage, read> src: array<vec4f>;

fn four(line: u32, start: u32) -> vec4f {
  let lines = select(P.k, P.rows, ALONG_K);
  let width = select(P.rows, P.k, ALONG_K);
  return src[(P.src_at + min(line, lines - 1u) * P.ld + min(start, width - 4u)) / 4u];
}
