// y (+)= x mask / (1 - p), the mask made from counters alone: element, pass (micro-batch) and key. Whoever asks again in the
// same pass gets the same mask, so that a backward makes it anew instead of keeping it.

struct Params {
  origin: vec3u,
  count: u32, // of vec4f
  key: u32,
  least: u32, // an element is kept where its number is at least this: p 2^32
  scale: f32, // 1 / (1 - p)
  pass_at: u32, // place of the pass among the scalars
  accumulate: u32,
}
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read> scalars: array<f32>;
@group(0) @binding(2) var<storage, read> x: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>;

/// A permutation of 32 bits in which every bit of the input moves about half of the output's (lowbias32).
fn mix(bits: vec4u) -> vec4u {
  var h = bits;
  h = (h ^ (h >> vec4u(16u))) * 0x7feb352du;
  h = (h ^ (h >> vec4u(15u))) * 0x846ca68bu;
  return h ^ (h >> vec4u(16u));
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (group.x + P.origin.x) * 64u + lane;
  if (i >= P.count) {
    return;
  }
  let element = vec4u(4u * i) + vec4u(0u, 1u, 2u, 3u);
  let drawn = mix(mix(mix(element) + vec4u(u32(scalars[P.pass_at]))) ^ vec4u(P.key));
  let kept = select(vec4f(), x[i] * P.scale, drawn >= vec4u(P.least));
  if (P.accumulate == 0u) {
    y[i] = kept;
  } else {
    y[i] += kept;
  }
}
