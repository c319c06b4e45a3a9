// f64 reference of the whole decoder: forward and backward over packed rows, every gradient by its Hugging Face name.
// Not fast and not the engine: plain loops over the kernels beside this file, so that the engine has something to be wrong against.
import type { ModelConfig } from '../../src/models/config.ts';
import type { Numbers } from '../compare.ts';
import { attention, attentionBackward } from './attention.ts';
import { embedding, embeddingBackward } from './embedding.ts';
import { crossEntropy, crossEntropyBackward } from './loss.ts';
import { add, linear, linearBackward } from './matmul.ts';
import { rmsnorm, rmsnormBackward } from './rmsnorm.ts';
import { rope, ropeBackward, ropeFrequencies } from './rope.ts';
import { swiglu, swigluBackward } from './swiglu.ts';

/** What of a model's config the mathematics needs. Biases, q/k norms and an untied head are there when their weights are. */
export type Config = Pick<
  ModelConfig,
  | 'hidden_size'
  | 'intermediate_size'
  | 'n_layers'
  | 'n_heads'
  | 'n_kv_heads'
  | 'head_dim'
  | 'vocab_size'
  | 'rms_norm_eps'
  | 'rope'
  | 'nope_layers'
>;
/** Tensors by Hugging Face name, row-major, matrices [out, in]. */
export type Weights = Map<string, Float64Array>;
export type Row = { input_ids: number[]; labels?: number[] };
/** Rows end to end: ids[N], lo[N] the index of each token's row's first token; the token at[i] predicts labels[i]. */
export type Batch = { ids: number[]; lo: number[]; at: number[]; labels: number[] };

/** Lay rows end to end. Labels are not shifted: label i is predicted at i - 1, -100 is none, a row's first token is no target. */
export function pack(rows: Row[]): Batch {
  const batch: Batch = { ids: [], lo: [], at: [], labels: [] };
  for (const { input_ids, labels = input_ids } of rows) {
    const start = batch.ids.length;
    for (const [i, id] of input_ids.entries()) {
      batch.ids.push(id);
      batch.lo.push(start);
      if (i === 0 || labels[i] === -100) continue;
      batch.at.push(start + i - 1);
      batch.labels.push(labels[i]);
    }
  }
  return batch;
}

/** Logits [N,V] of every token, and what the backward needs. */
export function forward(config: Config, weights: Weights, { ids, lo }: Pick<Batch, 'ids' | 'lo'>) {
  const { hidden_size: D, vocab_size: V, rms_norm_eps: eps } = config;
  const N = ids.length;
  let x: Float64Array = embedding(weights.get('model.embed_tokens.weight')!, ids, D);
  const layers: Layer[] = [];
  for (let i = 0; i < config.n_layers; i++) {
    const layer = layerForward(config, weights, i, x, lo);
    layers.push(layer);
    x = layer.y;
  }
  const last = rmsnorm(x, weights.get('model.norm.weight')!, N, D, eps).y;
  const logits = linear(last, weights.get(headName(weights))!, N, V, D);
  return { logits, layers, x, last };
}

/** Mean loss over the targets in nats, their count and log-probabilities, logits [N,V], every weight's gradient, and the
 *  input of every linear layer by its weight's name (for activation scores). */
export function lossAndGradients(config: Config, weights: Weights, batch: Batch) {
  const { hidden_size: D, vocab_size: V, rms_norm_eps: eps } = config;
  const N = batch.ids.length;
  const { logits, layers, x, last } = forward(config, weights, batch);
  const predicted = Float64Array.from(
    { length: batch.at.length * V },
    (_, i) => logits[batch.at[Math.floor(i / V)] * V + (i % V)],
  );
  const count = batch.labels.length;
  const { loss, logprob } = crossEntropy(predicted, batch.labels, V);

  const grads: Weights = new Map([...weights].map(([name, w]) => [name, new Float64Array(w.length)]));
  const give = (name: string, g: Numbers) => grads.set(name, add(grads.get(name)!, g));
  const dlogits = new Float64Array(N * V);
  crossEntropyBackward(predicted, batch.labels, V, 1 / count).forEach((g, i) => {
    dlogits[batch.at[Math.floor(i / V)] * V + (i % V)] += g;
  });
  const head = linearBackward(dlogits, last, weights.get(headName(weights))!, N, V, D);
  give(headName(weights), head.dw);
  const norm = rmsnormBackward(head.dx, x, weights.get('model.norm.weight')!, N, D, eps);
  give('model.norm.weight', norm.dweight);
  let dx: Float64Array = norm.dx;
  for (let i = config.n_layers - 1; i >= 0; i--) dx = layerBackward(config, weights, i, layers[i], batch.lo, dx, give);
  give('model.embed_tokens.weight', embeddingBackward(dx, batch.ids, V, D)); // a tied table gets both gradients
  const inputs = new Map(layers.flatMap((layer, i) => layerInputs(layer, `model.layers.${i}.`)));
  return { loss: loss / count, count, logprob, logits, grads, inputs };
}

/** Summed log-probability of each row's targets, and their number. */
export function logprobs(config: Config, weights: Weights, rows: Row[]): [number, number][] {
  return rows.map((row) => {
    const { ids, lo, at, labels } = pack([row]);
    const { logits } = forward(config, weights, { ids, lo });
    const V = config.vocab_size;
    const all = at.flatMap((t) => [...logits.subarray(t * V, (t + 1) * V)]);
    return [-crossEntropy(all, labels, V).loss, at.length];
  });
}

/** The `count` tokens that follow a prompt, each the likeliest. */
export function greedy(config: Config, weights: Weights, prompt: number[], count: number): number[] {
  const ids = [...prompt];
  while (ids.length < prompt.length + count) {
    const { logits } = forward(config, weights, { ids, lo: ids.map(() => 0) });
    const last = logits.subarray(-config.vocab_size);
    ids.push(last.indexOf(Math.max(...last)));
  }
  return ids.slice(prompt.length);
}

// --- one layer: x + o(attention(norm x)), then that + down(swiglu(gate, up of norm)) -----------------------------------

type Layer = ReturnType<typeof layerForward>;

function layerForward(config: Config, weights: Weights, index: number, x: Float64Array, lo: number[]) {
  const { hidden_size: D, intermediate_size: F, n_heads: H, n_kv_heads: K, head_dim, rms_norm_eps: eps } = config;
  const N = lo.length;
  const layer = `model.layers.${index}.`;
  const positions = lo.map((first, t) => t - first);
  const frequencies = frequenciesOf(config, index);
  const w = (name: string) => weights.get(`${layer}${name}`)!;
  const project = (name: string, x: Numbers, out: number, inner: number) =>
    linear(x, w(`${name}.weight`), N, out, inner, weights.get(`${layer}${name}.bias`));
  const turn = (name: string, raw: Float64Array, heads: number) => {
    const weight = weights.get(`${layer}self_attn.${name}.weight`);
    return rope(weight ? rmsnorm(raw, weight, N * heads, head_dim, eps).y : raw, positions, heads, head_dim, frequencies);
  };

  const normed = rmsnorm(x, w('input_layernorm.weight'), N, D, eps).y;
  const rawQ = project('self_attn.q_proj', normed, H * head_dim, D);
  const rawK = project('self_attn.k_proj', normed, K * head_dim, D);
  const v = project('self_attn.v_proj', normed, K * head_dim, D);
  const [q, k] = [turn('q_norm', rawQ, H), turn('k_norm', rawK, K)];
  const attended = attention(q, k, v, lo, config).y;
  const middle = add(x, project('self_attn.o_proj', attended, D, H * head_dim));
  const normed2 = rmsnorm(middle, w('post_attention_layernorm.weight'), N, D, eps).y;
  const gate = project('mlp.gate_proj', normed2, F, D);
  const up = project('mlp.up_proj', normed2, F, D);
  const hidden = swiglu(gate, up);
  const y = add(middle, project('mlp.down_proj', hidden, D, F));
  return { x, normed, rawQ, rawK, q, k, v, attended, middle, normed2, gate, up, hidden, y };
}

function layerBackward(
  config: Config,
  weights: Weights,
  index: number,
  kept: Layer,
  lo: number[],
  dy: Float64Array,
  give: (name: string, gradient: Numbers) => void,
): Float64Array {
  const { hidden_size: D, intermediate_size: F, n_heads: H, n_kv_heads: K, head_dim, rms_norm_eps: eps } = config;
  const N = lo.length;
  const layer = `model.layers.${index}.`;
  const positions = lo.map((first, t) => t - first);
  const frequencies = frequenciesOf(config, index);
  const project = (name: string, dy: Numbers, x: Numbers, out: number, inner: number) => {
    const { dx, dw, dbias } = linearBackward(dy, x, weights.get(`${layer}${name}.weight`)!, N, out, inner);
    give(`${layer}${name}.weight`, dw);
    if (weights.has(`${layer}${name}.bias`)) give(`${layer}${name}.bias`, dbias);
    return dx;
  };
  const norm = (name: string, dy: Numbers, x: Numbers, rows: number, width: number) => {
    const { dx, dweight } = rmsnormBackward(dy, x, weights.get(`${layer}${name}.weight`)!, rows, width, eps);
    give(`${layer}${name}.weight`, dweight);
    return dx;
  };
  const unturn = (name: string, dy: Float64Array, raw: Float64Array, heads: number) => {
    const back = ropeBackward(dy, positions, heads, head_dim, frequencies);
    return weights.has(`${layer}self_attn.${name}.weight`) ? norm(`self_attn.${name}`, back, raw, N * heads, head_dim) : back;
  };

  const dhidden = project('mlp.down_proj', dy, kept.hidden, D, F);
  const { dgate, dup } = swigluBackward(dhidden, kept.gate, kept.up);
  const dnormed2 = add(project('mlp.gate_proj', dgate, kept.normed2, F, D), project('mlp.up_proj', dup, kept.normed2, F, D));
  const dmiddle = add(dy, norm('post_attention_layernorm', dnormed2, kept.middle, N, D));
  const dattended = project('self_attn.o_proj', dmiddle, kept.attended, D, H * head_dim);
  const { dq, dk, dv } = attentionBackward(dattended, kept.q, kept.k, kept.v, lo, config);
  const parts = [
    project('self_attn.q_proj', unturn('q_norm', dq, kept.rawQ, H), kept.normed, H * head_dim, D),
    project('self_attn.k_proj', unturn('k_norm', dk, kept.rawK, K), kept.normed, K * head_dim, D),
    project('self_attn.v_proj', dv, kept.normed, K * head_dim, D),
  ];
  return add(dmiddle, norm('input_layernorm', parts.reduce(add), kept.x, N, D));
}

/** A layer without RoPE is one whose heads turn by nothing. */
function frequenciesOf({ rope, head_dim, nope_layers }: Config, index: number): Float64Array {
  return nope_layers.includes(index) ? new Float64Array(head_dim / 2) : ropeFrequencies(rope, head_dim);
}

/** The input [N, in] of each linear layer by its weight's name. */
function layerInputs(kept: Layer, layer: string): [string, Float64Array][] {
  const name = (module: string) => `${layer}${'qkvo'.includes(module[0]) ? 'self_attn' : 'mlp'}.${module}.weight`;
  const of = (x: Float64Array, ...modules: string[]) => modules.map((m): [string, Float64Array] => [name(m), x]);
  return [
    ...of(kept.normed, 'q_proj', 'k_proj', 'v_proj'),
    ...of(kept.attended, 'o_proj'),
    ...of(kept.normed2, 'gate_proj', 'up_proj'),
    ...of(kept.hidden, 'down_proj'),
  ];
}

function headName(weights: Weights): string {
  return weights.has('lm_head.weight') ? 'lm_head.weight' : 'model.embed_tokens.weight';
}
