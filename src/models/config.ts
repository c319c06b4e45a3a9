// One description of a decoder of the Llama family, whatever file it came from: sizes, what differs between families as data, and the
// names and shapes of a layer's matrices as checkpoints have them. It imports nothing; files are mapped to it in io.

/** How a model slows its frequencies down to reach further than it was trained for. */
export type RopeScaling =
  | { type: 'linear'; factor: number }
  | {
      type: 'llama3';
      factor: number;
      low_freq_factor: number;
      high_freq_factor: number;
      original_max_position_embeddings: number;
    }
  /** YaRN; cos and sin are `attention_factor` times as long. */
  | {
      type: 'yarn';
      factor: number;
      original_max_position_embeddings: number;
      beta_fast: number;
      beta_slow: number;
      /** Whether the blend begins and ends at whole pairs. */
      truncate: boolean;
      attention_factor: number;
    }
  /** NTK by a row's length: rows of at most so many tokens turn as without any; longer ones, which `factor` is for, nobody runs here. */
  | { type: 'dynamic'; factor: number; max_position_embeddings: number }
  /** Each frequency is divided by its factor; head_dim / 2 of them. */
  | { type: 'factors'; factors: number[] };

export interface RopeConfig {
  theta: number;
  scaling: RopeScaling | null;
}

/** What the decoder's arithmetic needs. */
export interface DecoderConfig {
  hidden_size: number;
  intermediate_size: number;
  n_layers: number;
  n_heads: number;
  n_kv_heads: number;
  head_dim: number;
  vocab_size: number;
  rms_norm_eps: number;
  rope: RopeConfig;
  /** Biases of q, k and v; of o; of gate, up and down. */
  attention_bias: boolean;
  o_bias: boolean;
  mlp_bias: boolean;
  /** RMSNorm over each head of q and k before RoPE (Qwen3). */
  qk_norm: boolean;
  /** Layers, counted from 0, that leave q and k as they are instead of turning them by position (NoPE: SmolLM3); mostly none. */
  nope_layers: number[];
  tie_word_embeddings: boolean;
  /** This token's row of the embedding has no gradient as an input, as in PyTorch (padding_idx); a head tied to it has its own. */
  pad_token_id: number | null;
}

export const MODEL_TYPES = ['llama', 'mistral', 'qwen2', 'qwen3', 'smollm3'] as const;
export type ModelType = (typeof MODEL_TYPES)[number];

/** A decoder's config and what else a checkpoint says of it. */
export interface ModelConfig extends DecoderConfig {
  model_type: ModelType;
  max_position_embeddings: number;
  /** How many tokens a layer sees of those before it, itself included; null: all. Rows that are no longer do not meet it. */
  window: number | null;
  bos_token_id: number | null;
  eos_token_ids: number[];
  /** What the weights are said to be stored as. */
  dtype: 'f32' | 'f16' | 'bf16';
  /** The config.json, or the scalar metadata of a GGUF, as it came. */
  raw: Record<string, any>;
}

/** The seven matrices of a layer, in the order of ties. */
export const MODULES = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'] as const;
export type Module = (typeof MODULES)[number];

/** Shape [out, in] of a layer's matrix. */
export function matrixShape(c: DecoderConfig, m: Module): [number, number] {
  const q = c.n_heads * c.head_dim;
  const kv = c.n_kv_heads * c.head_dim;
  switch (m) {
    case 'q_proj':
      return [q, c.hidden_size];
    case 'k_proj':
    case 'v_proj':
      return [kv, c.hidden_size];
    case 'o_proj':
      return [c.hidden_size, q];
    case 'down_proj':
      return [c.hidden_size, c.intermediate_size];
    default:
      return [c.intermediate_size, c.hidden_size];
  }
}

/** The part of a layer that a matrix is in, as checkpoints name it. */
export const parentOf = (m: Module) => (m[1] === '_' && 'qkvo'.includes(m[0]) ? 'self_attn' : 'mlp');

/** The checkpoint's name of a layer's matrix. */
export const weightName = (layer: number, m: Module) => `model.layers.${layer}.${parentOf(m)}.${m}.weight`;

/** Whether a matrix has a bias. */
export function hasBias(c: DecoderConfig, m: Module): boolean {
  if (m === 'o_proj') return c.o_bias;
  return parentOf(m) === 'mlp' ? c.mlp_bias : c.attention_bias;
}

/** Radians a position of each pair of a head's dimensions [head_dim / 2], after scaling, in f64. */
export function ropeFrequencies({ theta, scaling }: RopeConfig, head_dim: number): number[] {
  const half = head_dim / 2;
  return Array.from({ length: half }, (_, i) => scaled(theta ** (-i / half), i, half, theta, scaling));
}

/** How long cos and sin are under a scaling: heads of q and k grow by it as they turn. */
export const ropeLength = ({ scaling }: RopeConfig): number => (scaling?.type === 'yarn' ? scaling.attention_factor : 1);

/** What YaRN's paper and transformers make q and k longer by where a file does not say: sqrt(1/t) = 0.1 ln(factor) + 1. */
export const yarnLength = (factor: number, mscale = 1): number => (factor <= 1 ? 1 : 0.1 * mscale * Math.log(factor) + 1);

function scaled(frequency: number, i: number, half: number, theta: number, scaling: RopeScaling | null): number {
  if (!scaling || scaling.type === 'dynamic') return frequency;
  if (scaling.type === 'factors') return frequency / scaling.factors[i];
  const slow = frequency / scaling.factor;
  if (scaling.type === 'linear') return slow;
  const kept = scaling.type === 'yarn' ? keptByYarn(i, half, theta, scaling) : keptByLlama3(frequency, scaling);
  return kept * frequency + (1 - kept) * slow;
}

type Scaling<T extends RopeScaling['type']> = Extract<RopeScaling, { type: T }>;

// Llama 3 keeps the pairs that turn often within the context of pretraining, slows those that seldom do, and blends between.
function keptByLlama3(frequency: number, scaling: Scaling<'llama3'>): number {
  const { low_freq_factor: low, high_freq_factor: high, original_max_position_embeddings: context } = scaling;
  const turns = (context * frequency) / (2 * Math.PI);
  return Math.min(1, Math.max(0, (turns - low) / (high - low)));
}

// YaRN does so too, but blends by the place of a pair among the others, between those that turn beta_fast and beta_slow times.
function keptByYarn(i: number, half: number, theta: number, scaling: Scaling<'yarn'>): number {
  const { original_max_position_embeddings: context, beta_fast, beta_slow, truncate } = scaling;
  const place = (turns: number) => (half * Math.log(context / (2 * Math.PI * turns))) / Math.log(theta);
  const [first, last] = [place(beta_fast), place(beta_slow)];
  const low = Math.max(0, truncate ? Math.floor(first) : first);
  const high = Math.min(2 * half - 1, truncate ? Math.ceil(last) : last);
  return 1 - Math.min(1, Math.max(0, (i - low) / (high - low || 0.001)));
}
