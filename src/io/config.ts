// The reading of a Hugging Face config.json, in both its forms, as the one config of a decoder (models/config.ts).
// A field that would change the results and that the engine does not have is an error here, never a wrong result later.
// GGUF metadata becomes the same thing in config-gguf.ts.

import { MODEL_TYPES, type ModelConfig, type ModelType } from '../models/config.ts';
import { flag, maxPositions, positive, refuse, size } from './config-fields.ts';
import { readRope } from './config-rope.ts';

/** A config.json, and of the generation_config.json beside it the ends of a text. Errors name the file, the field and its value. */
export function configFromHf(
  raw: Record<string, any>,
  generation: Record<string, any> = {},
  name = 'config.json',
  beside = 'generation_config.json',
): ModelConfig {
  const ends = inFile(beside, () => tokenIds(generation, 'eos_token_id'));
  return inFile(name, () => readConfig(raw, ends));
}

function inFile<T>(name: string, read: () => T): T {
  try {
    return read();
  } catch (e) {
    throw new Error(`${name}: ${(e as Error).message}`);
  }
}

function readConfig(raw: Record<string, any>, ends: number[]): ModelConfig {
  const model_type = readModelType(raw);
  refuseUnsupported(raw, model_type);
  const hidden_size = size(raw, 'hidden_size');
  const n_heads = size(raw, 'num_attention_heads');
  // A missing or null count means plain attention in llama; the other families have defaults that nobody means.
  const n_kv_heads =
    model_type === 'llama' || raw.num_key_value_heads === null
      ? size(raw, 'num_key_value_heads', n_heads)
      : size(raw, 'num_key_value_heads');
  const window = readWindow(raw, model_type);
  const config: ModelConfig = {
    model_type,
    hidden_size,
    intermediate_size: size(raw, 'intermediate_size'),
    n_layers: size(raw, 'num_hidden_layers'),
    n_heads,
    n_kv_heads,
    head_dim: size(raw, 'head_dim', model_type === 'qwen3' ? 128 : hidden_size / n_heads),
    vocab_size: size(raw, 'vocab_size'),
    max_position_embeddings: Math.min(maxPositions(raw, model_type), window ?? Number.POSITIVE_INFINITY),
    window,
    rms_norm_eps: positive(raw, 'rms_norm_eps', 1e-6),
    rope: readRope(raw, model_type),
    attention_bias: model_type === 'qwen2' || flag(raw, 'attention_bias'),
    o_bias: model_type !== 'qwen2' && flag(raw, 'attention_bias'),
    mlp_bias: flag(raw, 'mlp_bias'),
    qk_norm: model_type === 'qwen3',
    nope_layers: model_type === 'smollm3' ? readNopeLayers(raw) : [],
    tie_word_embeddings: flag(raw, 'tie_word_embeddings', model_type === 'smollm3'),
    bos_token_id: tokenIds(raw, 'bos_token_id')[0] ?? null,
    pad_token_id: readPad(raw, model_type),
    eos_token_ids: [...new Set([...tokenIds(raw, 'eos_token_id'), ...ends])],
    dtype: readDtype(raw),
    raw,
  };
  checkConfig(config);
  return config;
}

/** What must hold between the fields, wherever they came from. */
export function checkConfig(config: ModelConfig): void {
  const { n_layers, n_heads, n_kv_heads, head_dim, rope } = config;
  if (n_heads % n_kv_heads) refuse('num_key_value_heads', n_kv_heads, `a divisor of num_attention_heads ${n_heads}`);
  if (n_layers > MAX_LAYERS) refuse('num_hidden_layers', n_layers, `at most ${MAX_LAYERS}`);
  if (head_dim % 2) refuse('head_dim', head_dim, 'an even number, as RoPE turns pairs');
  const scaling = rope.scaling;
  if (scaling?.type === 'llama3' && scaling.high_freq_factor <= scaling.low_freq_factor)
    refuse('high_freq_factor', scaling.high_freq_factor, `more than low_freq_factor ${scaling.low_freq_factor}`);
  if (scaling?.type === 'yarn' && rope.theta <= 1)
    refuse('rope_theta', rope.theta, 'more than 1 for yarn, which asks for its logarithm');
  if (scaling?.type === 'factors' && scaling.factors.length !== head_dim / 2)
    refuse('rope factors', `${scaling.factors.length} of them`, `head_dim / 2 = ${head_dim / 2}`);
}

/** Whether a family's config.json says if there are biases of gate, up and down; the others have none. */
export const hasMlpBiasFlag = (type: ModelType) => type === 'llama' || type === 'smollm3';

/** The class that transformers makes of a family, as config.json names it. */
export const ARCHITECTURES: Record<ModelType, string> = {
  llama: 'LlamaForCausalLM',
  mistral: 'MistralForCausalLM',
  qwen2: 'Qwen2ForCausalLM',
  qwen3: 'Qwen3ForCausalLM',
  smollm3: 'SmolLM3ForCausalLM',
};

const MAX_LAYERS = 4096;

function readModelType(raw: Record<string, any>): ModelType {
  const type = raw.model_type as ModelType;
  if (!MODEL_TYPES.includes(type)) refuse('model_type', raw.model_type, `one of ${MODEL_TYPES.join(', ')}`);
  const architecture = ARCHITECTURES[type];
  // a bare model (LlamaModel) is one whose tensors lack the prefix and the head, which may be tied
  const bare = architecture.replace('ForCausalLM', 'Model');
  if (raw.architectures && ![architecture, bare].some((name) => raw.architectures.includes?.(name)))
    refuse('architectures', raw.architectures, architecture);
  return type;
}

// Fields of these and neighbouring families that change the results, with the values under which they do not.
const HARMLESS: Record<string, unknown[]> = {
  hidden_act: ['silu', 'swish'],
  partial_rotary_factor: [1],
  rope_interleaved: [false],
  quantization_config: [],
  compression_config: [],
  num_experts: [0, 1],
  num_local_experts: [0, 1],
  n_routed_experts: [0],
  num_experts_per_tok: [0, 1],
  moe_intermediate_size: [0],
  attn_logit_softcapping: [],
  final_logit_softcapping: [],
  logit_scale: [1],
  embedding_multiplier: [1],
  residual_multiplier: [1],
  attention_multiplier: [],
  query_pre_attn_scalar: [],
  use_qk_norm: [false],
  is_causal: [true],
  per_layer_config: [],
  is_encoder_decoder: [false],
  add_cross_attention: [false],
};

function refuseUnsupported(raw: Record<string, any>, type: ModelType): void {
  for (const [field, harmless] of Object.entries(HARMLESS))
    if (raw[field] !== undefined && raw[field] !== null && !harmless.includes(raw[field]))
      refuse(field, raw[field], ['absent', ...harmless.map((v) => JSON.stringify(v))].join(' or '));
  if (type === 'mistral' || type === 'qwen2')
    if (flag(raw, 'attention_bias')) refuse('attention_bias', true, `false for ${type}`);
  if (!hasMlpBiasFlag(type) && flag(raw, 'mlp_bias')) refuse('mlp_bias', true, `false for ${type}`);
  if (type !== 'smollm3' && (raw.no_rope_layers ?? null) !== null)
    refuse('no_rope_layers', raw.no_rope_layers, `absent for ${type}`);
  const layers = raw.layer_types as unknown[] | null | undefined;
  const known = ['full_attention', ...(slides(raw, type) ? ['sliding_attention'] : [])];
  const odd = layers?.find?.((layer) => !known.includes(layer as string));
  if (odd !== undefined) refuse('layer_types', odd, `${known.join(' or ')} in every layer`);
}

// Mistral's layers slide unless its window is null; of Qwen and SmolLM3 some do where they say so; Llama's never.
const slides = (raw: Record<string, any>, type: ModelType) =>
  type === 'mistral' || (type !== 'llama' && flag(raw, 'use_sliding_window'));

// Rows that fit into the window are computed as without it, whichever layers have it. Absent it is 4096.
function readWindow(raw: Record<string, any>, type: ModelType): number | null {
  if (!slides(raw, type) || raw.sliding_window === null) return null;
  if (type.startsWith('qwen') && !raw.layer_types && (raw.max_window_layers ?? 28) >= size(raw, 'num_hidden_layers')) return null;
  return size(raw, 'sliding_window', 4096);
}

// A list of a 1 for each layer with RoPE and a 0 for each without, or else every so manieth layer without. Names read backwards.
function readNopeLayers(raw: Record<string, any>): number[] {
  const n_layers = size(raw, 'num_hidden_layers');
  const interval = size(raw, 'no_rope_layer_interval', 4);
  const list: unknown = raw.no_rope_layers ?? Array.from({ length: n_layers }, (_, i) => Number((i + 1) % interval !== 0));
  if (!Array.isArray(list) || list.length < n_layers || list.some((v) => v !== 0 && v !== 1))
    refuse('no_rope_layers', list, `a 1 (with RoPE) or a 0 (without) for each of ${n_layers} layers`);
  return Array.from({ length: n_layers }, (_, i) => i).filter((i) => list[i] === 0);
}

// auto: as the tensors are stored, which the caller sees (model.ts).
function readDtype(raw: Record<string, any>): ModelConfig['dtype'] {
  const name = String(raw.dtype ?? raw.torch_dtype ?? 'float32').replace(/^torch\./, '');
  const known: Record<string, ModelConfig['dtype']> = {
    auto: 'f32',
    float32: 'f32',
    float64: 'f32',
    float16: 'f16',
    bfloat16: 'bf16',
  };
  return known[name] ?? refuse('dtype', name, Object.keys(known).join(', '));
}

// -1 is PyTorch's last row. What is no row of the embedding, transformers refuses or warns of: here it is none.
function readPad(raw: Record<string, any>, type: ModelType): number | null {
  const id = raw.pad_token_id === undefined && type === 'smollm3' ? 128004 : raw.pad_token_id;
  const row = id < 0 ? raw.vocab_size + id : id;
  return Number.isInteger(row) && row >= 0 && row < raw.vocab_size ? row : null;
}

// -1 is how some write that there is none.
function tokenIds(raw: Record<string, any>, field: string): number[] {
  const value = raw[field] ?? [];
  const ids: unknown[] = (Array.isArray(value) ? value : [value]).filter((id) => id !== -1);
  const bad = ids.find((id) => !Number.isInteger(id) || (id as number) < 0);
  return bad === undefined ? (ids as number[]) : refuse(field, bad, 'a token id');
}
