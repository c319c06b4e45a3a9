/// <reference types="vite/client" />
// The goldens as tests use them, in Deno, Node and the browser alike: Vite carries the files as data URLs, so nothing here
// touches a disk. Its reader of safetensors and config.json is its own, so that a test of the product's does not lean on it.
import type { RopeScaling } from '../../src/models/config.ts';
import type { Config, Row, Weights } from '../oracle/model.ts';

/** llama3 tied, grouped, llama3 scaling; llama-linear untied, multi-head, linear scaling; qwen2 q k v biases, one key head;
 *  qwen3 q/k norms, wide heads, tied; mistral large epsilon; llama-bias biases on all seven matrices;
 *  smollm3 a layer without RoPE, biases in the MLP alone. */
export const FAMILIES = ['llama3', 'llama-linear', 'qwen2', 'qwen3', 'mistral', 'llama-bias', 'smollm3'] as const;
export type Family = (typeof FAMILIES)[number];
export type Tensors = Map<string, { shape: number[]; data: Float32Array }>;

/** Ten steps in file order, `batch` rows each, constant learning rate; `eval` is each row's summed log-probability after them. */
export type Curve = {
  lr: number;
  betas: [number, number];
  eps: number;
  weight_decay: number;
  clip: number;
  block?: number;
  blocks?: [name: string, row: number, col: number][];
  loss: number[];
  grad_norm: number[];
  eval: number[];
};

export type Golden = {
  rows: Required<Row>[];
  batch: number;
  loss: number;
  tokens: number;
  /** Each row's summed log-probability and number of targets, before any step. */
  eval: [logprob: number, tokens: number][];
  curves: Record<'full' | 'smt8_all' | 'smt8_qkv' | 'smt16_qkv' | 'smt16_all', Curve>;
  greedy: { prompt: number[]; new: number[]; margin: number }[];
  /** `logits` [T,V] of rows[0]; `grad/NAME` of the mean loss of the first `batch` rows; `score/NAME/KIND/EDGE`. */
  tensors: Tensors;
  weights: Tensors;
  config: Config;
  /** The Hugging Face folder's bytes by file name. */
  files: Record<'config.json' | 'model.safetensors', Uint8Array<ArrayBuffer>>;
};

type Import = () => Promise<string>;
const urls = import.meta.glob<string>('./*/**/*.{json,safetensors}', { query: '?url&inline', import: 'default' }) as Record<
  string,
  Import
>;

/** A family's model and all that is known of it. */
export async function loadGolden(family: Family): Promise<Golden> {
  const names = ['model/config.json', 'model/model.safetensors', 'golden.json', 'golden.safetensors'];
  const [configFile, model, golden, tensors] = await Promise.all(names.map((name) => bytes(`./${family}/${name}`)));
  return {
    ...json(golden),
    tensors: parseSafetensors(tensors),
    weights: parseSafetensors(model),
    config: parseConfig(json(configFile)),
    files: { 'config.json': configFile, 'model.safetensors': model },
  };
}

/** The same tensors in f64, as the reference decoder takes them: copies, so that it may train them. */
export function inF64(tensors: Tensors): Weights {
  return new Map([...tensors].map(([name, { data }]) => [name, Float64Array.from(data)]));
}

async function bytes(path: string): Promise<Uint8Array<ArrayBuffer>> {
  const url = await urls[path]?.();
  if (!url?.startsWith('data:')) throw new Error(`expected ${path} as a data URL, got ${url}: run make.py in test/goldens`);
  return Uint8Array.from(atob(url.slice(url.indexOf(',') + 1)), (c) => c.charCodeAt(0));
}

function json(bytes: Uint8Array) {
  return JSON.parse(new TextDecoder().decode(bytes));
}

/** Every tensor of a safetensors file that holds f32 only. */
function parseSafetensors(bytes: Uint8Array): Tensors {
  const size = Number(new DataView(bytes.buffer).getBigUint64(0, true));
  const header = json(bytes.subarray(8, 8 + size));
  delete header.__metadata__;
  const entries = Object.entries(header as Record<string, { dtype: string; shape: number[]; data_offsets: [number, number] }>);
  return new Map(
    entries.map(([name, { dtype, shape, data_offsets }]) => {
      if (dtype !== 'F32') throw new Error(`expected F32 for ${name}, got ${dtype}`);
      const [start, end] = data_offsets.map((at) => 8 + size + at);
      return [name, { shape, data: new Float32Array(bytes.slice(start, end).buffer) }];
    }),
  );
}

/** The mathematics of a config.json, in its older form (rope_theta, rope_scaling with `type` or `rope_type`) or its newer. */
function parseConfig(c: Record<string, any>): Config {
  const scaling = c.rope_parameters ?? c.rope_scaling ?? { rope_type: 'default' };
  const type = scaling.rope_type ?? scaling.type;
  const { factor, low_freq_factor, high_freq_factor, original_max_position_embeddings } = scaling;
  const scalings: Record<string, RopeScaling | null> = {
    default: null,
    linear: { type: 'linear', factor },
    llama3: { type: 'llama3', factor, low_freq_factor, high_freq_factor, original_max_position_embeddings },
  };
  return {
    hidden_size: c.hidden_size,
    intermediate_size: c.intermediate_size,
    n_layers: c.num_hidden_layers,
    n_heads: c.num_attention_heads,
    n_kv_heads: c.num_key_value_heads ?? c.num_attention_heads,
    head_dim: c.head_dim ?? c.hidden_size / c.num_attention_heads,
    vocab_size: c.vocab_size,
    rms_norm_eps: c.rms_norm_eps,
    nope_layers: [...(c.no_rope_layers ?? []).keys()].filter((i) => !c.no_rope_layers[i]),
    rope: { theta: c.rope_theta ?? scaling.rope_theta, scaling: scalings[type] },
  };
}
