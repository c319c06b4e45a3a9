// The step's verdict, from the sums of squares: the global norm, the clip factor, whether the step is skipped.
// A step that is not skipped advances the bias corrections c = 1 - beta^t by c = (1 - beta) + beta c. One workgroup. Part: reduce.

struct Params {
  origin: vec3u,
  count: u32, // partials
  clip: f32, // 0: off
  beta1: f32,
  rest1: f32, // 1 - beta1, subtracted in f64
  beta2: f32,
  rest2: f32,
}
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read> partials: array<vec2f>;
@group(0) @binding(2) var<storage, read_write> state: array<f32>; // clip factor, skipped, 1 - beta1^t, 1 - beta2^t
@group(0) @binding(3) var<storage, read_write> results: array<f32>; // loss sum, norm, skipped

/// By the exponent's bits: a comparison of a NaN with itself may be compiled away.
fn finite(x: f32) -> bool {
  return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u;
}

@compute @workgroup_size(WIDTH)
fn main(@builtin(local_invocation_index) lane: u32) {
  var sum: vec2f;
  for (var i = P.origin.x + lane; i < P.count; i += WIDTH) {
    sum += partials[i];
  }
  let plain = sum_all(lane, sum.x);
  let scaled = sum_all(lane, sum.y);
  if (lane != 0u) {
    return;
  }
  // From a norm of 2^40 on, what the scaled squares lose below 2^-126 is nothing beside it.
  var norm = sqrt(plain);
  if (!finite(plain) || plain > 0x1p80f) {
    norm = sqrt(scaled) * 0x1p64f;
  }
  let sound = finite(norm) && finite(results[0]);
  var factor = 1.0;
  if (P.clip > 0.0 && sound) {
    factor = min(1.0, P.clip / (norm + 1e-6));
  }
  state[0] = factor;
  state[1] = select(1.0, 0.0, sound);
  if (sound) {
    state[2] = P.rest1 + P.beta1 * state[2];
    state[3] = P.rest2 + P.beta2 * state[3];
  }
  results[1] = norm;
  results[2] = select(1.0, 0.0, sound);
}
