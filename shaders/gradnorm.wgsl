// Sums of squares of one gradient, a run of RUN vec4s a workgroup, each into a partial of its own: x of the squares as they
// are, y of the squares of 2^-64 times the value, which holds where x overflows. Part: reduce.

const RUN = 2048u;

struct Params {
  origin: vec3u,
  count: u32, // of f32
  at: u32, // this tensor's first partial
}
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read> grad: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> partials: array<vec2f>;

@compute @workgroup_size(WIDTH)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let k = group.x + P.origin.x;
  let first = k * RUN;
  let mine = walk(lane, min(RUN, (P.count + 3u) / 4u - first));
  var plain: vec4f;
  var scaled: vec4f;
  for (var i = first + mine.x; i < first + mine.y; i += STEP) {
    // what follows the last element in its vec4 belongs to nobody
    let g = select(vec4f(), grad[i], vec4u(4u * i) + vec4u(0u, 1u, 2u, 3u) < vec4u(P.count));
    let small = g * 0x1p-64f;
    plain += g * g;
    scaled += small * small;
  }
  let x = sum_all(lane, (plain.x + plain.y) + (plain.z + plain.w));
  let y = sum_all(lane, (scaled.x + scaled.y) + (scaled.z + scaled.w));
  if (lane == 0u) {
    partials[P.at + k] = vec2f(x, y);
  }
}
