// Packs an operand of the product into panels of 64 rows: panel[row / 64][k][row % 64], k padded to a multiple of 4.
// "Row" is a row of A or a column of B: what the product does not sum over. Rows beyond the last are 0.
// Reading panels is one stream, where reading the operand itself strides over a page for every k.
// ALONG_K: the source lies [rows, k], else [k, rows]. The part that declares src and four() reads it.
// An invocation packs 4 rows x 4 k; a workgroup 64 rows x 16 k.

const ALONG_K = true;

struct Params { origin: vec3u, rows: u32, k: u32, src_at: u32, ld: u32, dst_at: u32 }
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read_write> panel: array<vec4f>;

@compute @workgroup_size(16, 4)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) local: vec3u) {
  let wg = group + P.origin;
  let k = (wg.x * 4u + local.y) * 4u;
  let row = wg.y * 64u + local.x * 4u;
  if (k >= P.k) { return; }
  let steps = (P.k + 3u) / 4u * 4u;
  let at = (P.dst_at + wg.y * 64u * steps + k * 64u) / 4u + local.x;
  let limit = P.rows - min(row, P.rows);
  let inside = vec4u(0, 1, 2, 3) < vec4u(limit);
  if (ALONG_K) {
    let x = four(row, k);
    let y = four(row + 1u, k);
    let z = four(row + 2u, k);
    let w = four(row + 3u, k);
    panel[at] = select(vec4f(), vec4f(x.x, y.x, z.x, w.x), inside);
    panel[at + 16u] = select(vec4f(), vec4f(x.y, y.y, z.y, w.y), inside);
    panel[at + 32u] = select(vec4f(), vec4f(x.z, y.z, z.z, w.z), inside);
    panel[at + 48u] = select(vec4f(), vec4f(x.w, y.w, z.w, w.w), inside);
  } else {
    // @unroll
    for (var i = 0u; i < 4u; i++) { panel[at + i * 16u] = select(vec4f(), four(k + i, row), inside); }
  }
}
