// PyTorch's AdamW over one tensor, on the gradient times the clip factor; nothing moves in a skipped step.
// The bias corrections 1 - beta^t come from the state (gradnorm_finish.wgsl keeps them). Part: one of adamw_*.

struct Params {
  origin: vec3u,
  count: u32, // of vec4f
  beta1: f32,
  rest1: f32, // 1 - beta1, subtracted in f64
  beta2: f32,
  rest2: f32,
  eps: f32,
  decay: f32,
  lr_at: u32, // place of the learning rate among the scalars
}
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read> state: array<f32>; // clip factor, skipped, 1 - beta1^t, 1 - beta2^t
@group(0) @binding(2) var<storage, read> scalars: array<f32>;
@group(0) @binding(3) var<storage, read> grad: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> value: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> m: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> v: array<vec4f>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (group.x + P.origin.x) * 64u + lane;
  if (i >= P.count || state[1] != 0.0) {
    return;
  }
  let lr = scalars[P.lr_at];
  let g = grad[i] * state[0];
  let m_new = P.beta1 * m[i] + P.rest1 * g;
  let v_new = P.beta2 * v[i] + P.rest2 * g * g;
  m[i] = m_new;
  v[i] = v_new;
  let old = value[i];
  let step = (m_new / state[2]) / (sqrt(v_new / state[3]) + P.eps);
  value[i] = old - lr * (P.decay * effective(i, old) + step);
}
