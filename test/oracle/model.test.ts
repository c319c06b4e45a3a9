// The whole reference decoder against finite differences, with everything that a family may have at once.
import { expect, test } from 'vitest';
import '../compare.ts';
import { finiteDifference, noise } from './finite.ts';
import { type Config, lossAndGradients, pack, type Weights } from './model.ts';

const config: Config = {
  hidden_size: 6,
  intermediate_size: 5,
  n_layers: 2,
  n_heads: 4,
  n_kv_heads: 2,
  head_dim: 4,
  vocab_size: 7,
  rms_norm_eps: 1e-3,
  rope: { theta: 100, scaling: { type: 'linear', factor: 2 } },
  nope_layers: [1],
};
const rows = [{ input_ids: [1, 5, 5, 2], labels: [1, -100, 5, 2] }, { input_ids: [6], labels: [6] }, { input_ids: [0, 3, 1] }];

/** Every tensor a family may have: biases everywhere, q/k norms, a head where untied. */
function randomWeights(tied: boolean): Weights {
  const { hidden_size: D, intermediate_size: F, head_dim, vocab_size: V } = config;
  const [q, kv] = [config.n_heads * head_dim, config.n_kv_heads * head_dim];
  const weights: Weights = new Map();
  const put = (name: string, n: number, mean = 0) =>
    weights.set(
      name,
      noise(n, weights.size + 1, 0.8).map((x) => x + mean),
    );
  put('model.embed_tokens.weight', V * D);
  for (let i = 0; i < config.n_layers; i++) {
    const layer = `model.layers.${i}.`;
    for (const name of ['input_layernorm', 'post_attention_layernorm']) put(`${layer}${name}.weight`, D, 1);
    for (const name of ['q_norm', 'k_norm']) put(`${layer}self_attn.${name}.weight`, head_dim, 1);
    const shapes = {
      q_proj: [q, D],
      k_proj: [kv, D],
      v_proj: [kv, D],
      o_proj: [D, q],
      gate_proj: [F, D],
      up_proj: [F, D],
      down_proj: [D, F],
    };
    for (const [module, [out, inner]] of Object.entries(shapes)) {
      const name = `${layer}${'qkvo'.includes(module[0]) ? 'self_attn' : 'mlp'}.${module}`;
      put(`${name}.weight`, out * inner);
      put(`${name}.bias`, out);
    }
  }
  put('model.norm.weight', D, 1);
  if (!tied) put('lm_head.weight', V * D);
  return weights;
}

test('rows are packed with targets shifted, masked and never first', () => {
  expect(pack(rows)).toEqual({
    ids: [1, 5, 5, 2, 6, 0, 3, 1],
    lo: [0, 0, 0, 0, 4, 5, 5, 5],
    at: [1, 2, 5, 6],
    labels: [5, 2, 3, 1],
  });
});

test.each([true, false])('every gradient is the finite difference of the loss (tied %s)', (tied) => {
  const weights = randomWeights(tied);
  const { grads } = lossAndGradients(config, weights, pack(rows));
  expect(grads.size).toBe(weights.size);
  for (const [name, w] of weights) {
    const f = (moved: Float64Array) => lossAndGradients(config, new Map(weights).set(name, moved), pack(rows)).loss;
    expect(grads.get(name)!, name).toBeAllclose(finiteDifference(f, w), { rtol: 1e-6, atol: 1e-9 });
  }
});

test('packing changes nothing: the loss is the mean over all targets', () => {
  const weights = randomWeights(false);
  const together = lossAndGradients(config, weights, pack(rows));
  const apart = [rows[0], rows[2]].map((row) => lossAndGradients(config, weights, pack([row])));
  expect(together.count).toBe(4);
  expect(together.loss).toBeCloseTo((apart[0].loss * 2 + apart[1].loss * 2) / 4, 13);
  expect(together.logits.subarray(5 * 7)).toBeAllclose(apart[1].logits, { rtol: 1e-13 });
});
