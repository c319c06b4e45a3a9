// DoRA's gradients on GPUs in one walk over dy: dz = scale dy, dB(j, k) (+)= sum_n u[n, k] dz[n, j], and of the magnitudes
// dm(j) (+)= sum_n dy[n, j] z[n, j] / norm(j). B, u and the matrices side by side are those of lowrank_weight, and so is the work's layout;
// the workgroups of the first ranks make dz and dm too.

const ACROSS = 16u;
const SHARES = 4u;

struct Params {
  origin: vec3u,
  N: u32,
  rank: u32,
  width: u32,
  ldu: u32, // from one row of u to the next
  band1: u32, // where the second matrix begins, and the third; the width where there is none
  band2: u32,
  dy_at: u32,
  lddy: u32, // from one row of dy to the next
  accumulate: u32,
  accumulate_m: u32,
}
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read> u: array<f32>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read> z: array<f32>;
@group(0) @binding(4) var<storage, read> scale: array<f32>;
@group(0) @binding(5) var<storage, read> inv_norm: array<f32>;
@group(0) @binding(6) var<storage, read_write> d_z: array<f32>;
@group(0) @binding(7) var<storage, read_write> grad: array<f32>;
@group(0) @binding(8) var<storage, read_write> grad_m: array<f32>;

const PITCH = 5u;

var<workgroup> parts: array<vec4f, 64 * PITCH>; // [invocation, rank, and then the magnitudes], the columns in the vector

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let wg = group + P.origin;
  let first = wg.x * (4u * ACROSS);
  let own = (select(0u, 1u, first >= P.band1) + select(0u, 1u, first >= P.band2)) * P.rank;
  let j0 = first + lane % ACROSS;
  let k0 = wg.y * 4u;
  var acc: array<vec4f, 4>;
  var magnitudes = vec4f();
  var rank: array<u32, 4>;
  var col: array<u32, 4>;
  // ranks and columns beyond the edge repeat the last; their sums are not stored
  // @unroll
  for (var q = 0u; q < 4u; q++) {
    rank[q] = own + min(k0 + q, P.rank - 1u);
    col[q] = min(j0 + q * ACROSS, P.width - 1u);
  }
  let scales = vec4f(scale[col[0]], scale[col[1]], scale[col[2]], scale[col[3]]);
  for (var n = lane / ACROSS; n < P.N; n += SHARES) {
    let at = P.dy_at + n * P.lddy;
    let d = vec4f(dy[at + col[0]], dy[at + col[1]], dy[at + col[2]], dy[at + col[3]]);
    let v = scales * d;
    if (k0 == 0u) {
      let to = n * P.width;
      magnitudes = fma(d, vec4f(z[to + col[0]], z[to + col[1]], z[to + col[2]], z[to + col[3]]), magnitudes);
      // @unroll
      for (var c = 0u; c < 4u; c++) {
        d_z[to + col[c]] = v[c];
      }
    }
    // @unroll
    for (var q = 0u; q < 4u; q++) {
      acc[q] = fma(vec4f(u[n * P.ldu + rank[q]]), v, acc[q]);
    }
  }
  // @unroll
  for (var q = 0u; q < 4u; q++) {
    parts[lane * PITCH + q] = acc[q];
  }
  parts[lane * PITCH + 4u] = magnitudes;
  workgroupBarrier();
  let q = lane / ACROSS; // this invocation finishes one rank of its columns
  var sum = vec4f();
  var sum_m = vec4f();
  for (var i = 0u; i < SHARES; i++) {
    sum += parts[(i * ACROSS + lane % ACROSS) * PITCH + q];
    sum_m += parts[(i * ACROSS + lane % ACROSS) * PITCH + 4u];
  }
  // @unroll
  for (var c = 0u; c < 4u; c++) {
    let j = j0 + c * ACROSS;
    if (j < P.width && k0 + q < P.rank) {
      let at = j * P.rank + k0 + q;
      grad[at] = select(0.0, grad[at], P.accumulate != 0u) + sum[c];
    }
    if (j < P.width && lane < ACROSS && k0 == 0u) {
      grad_m[j] = select(0.0, grad_m[j], P.accumulate_m != 0u) + sum_m[c] * inv_norm[j];
    }
  }
}
