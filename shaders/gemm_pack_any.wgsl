// Source of gemm_pack.wgsl for any offset, leading dimension and size. An index beyond the end repeats it.
@group(0) @binding(2) var<storage, read> src: array<f32>;

fn four(line: u32, start: u32) -> vec4f {
  let lines = select(P.k, P.rows, ALONG_K);
  let width = select(P.rows, P.k, ALONG_K);
  let at = vec4u(P.src_at + min(line, lines - 1u) * P.ld) + min(vec4u(start) + vec4u(0, 1, 2, 3), vec4u(width - 1u));
  return vec4f(src[at.x], src[at.y], src[at.z], src[at.w]);
}
