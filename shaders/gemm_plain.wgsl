// C[m,n] (+)= sum_k A[m,k] B[k,n] with any strides: the plain product that every faster one is held against.
// An invocation owns 4 x 4 of C. AT: A is stored [k, m]; BT: B is stored [n, k].

const AT = false;
const BT = false;

struct Params {
  origin: vec3u,
  m: u32,
  n: u32,
  k: u32,
  a_at: u32,
  lda: u32,
  b_at: u32,
  ldb: u32,
  c_at: u32,
  ldc: u32,
  accumulate: u32,
}
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> c: array<f32>;

@compute @workgroup_size(8, 8)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) local: vec3u) {
  let wg = group + P.origin;
  let n0 = (wg.x * 8u + local.x) * 4u;
  let m0 = (wg.y * 8u + local.y) * 4u;
  if (n0 >= P.n || m0 >= P.m) {
    return;
  }
  let a_row = select(P.lda, 1u, AT);
  let a_k = select(1u, P.lda, AT);
  let b_col = select(1u, P.ldb, BT);
  let b_k = select(P.ldb, 1u, BT);
  var acc: array<vec4f, 4>;
  var aa: array<u32, 4>;
  var ba: array<u32, 4>;
  // rows and columns beyond the edge repeat the last; their sums are not stored
  // @unroll
  for (var q = 0u; q < 4u; q++) {
    aa[q] = P.a_at + min(m0 + q, P.m - 1u) * a_row;
    ba[q] = P.b_at + min(n0 + q, P.n - 1u) * b_col;
  }
  for (var k = 0u; k < P.k; k++) {
    let bk = k * b_k;
    let w = vec4f(b[ba[0] + bk], b[ba[1] + bk], b[ba[2] + bk], b[ba[3] + bk]);
    // @unroll
    for (var q = 0u; q < 4u; q++) {
      acc[q] = fma(vec4f(a[aa[q] + k * a_k]), w, acc[q]);
    }
  }
  // @unroll
  for (var q = 0u; q < 4u; q++) {
    if (m0 + q < P.m) {
      let at = P.c_at + (m0 + q) * P.ldc + n0;
      // @unroll
      for (var s = 0u; s < 4u; s++) {
        if (n0 + s < P.n) {
          c[at + s] = select(0.0, c[at + s], P.accumulate != 0u) + acc[q][s];
        }
      }
    }
  }
}
