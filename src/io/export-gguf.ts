// A model as one GGUF file that llama.cpp and what is built on it load: the keys of its architecture, tensors under ggml's names in
// its order of rows, the tokenizer. The weights come as a stream; the bytes of the format are gguf-write.ts.
import { formatBytes } from '../formats.ts';
import type { ModelConfig, ModelType } from '../models/config.ts';
import { setting } from '../setting.ts';
import { changesOf, mergedRows } from './adapter-merge.ts';
import type { Exporter, Exporting } from './export.ts';
import { ggufName, isPermuted, permuted } from './gguf-form.ts';
import { FILE_TYPES, formatIn } from './gguf-mix.ts';
import { hasFactors, ropeFactors, scalingFields, unsaidYarn } from './gguf-rope.ts';
import { ggufTokenizer, sameTokenizer } from './gguf-tokenizer-write.ts';
import { type GgufField, type GgufTensorToWrite, writeGguf } from './gguf-write.ts';
import { openModelFiles } from './model.ts';

export const ggufExporter: Exporter = {
  place: 'file',
  async lay(model) {
    const { config, gguf, tokenizer } = model.files;
    checkArchitecture(config);
    const { fields, notes, exact } = gguf ? sameTokenizer(gguf) : ggufTokenizer(tokenizer, config);
    const tensors = [...ropeTensor(config), ...weights(model)];
    const chunks = writeGguf([...general(model), ...describing(config), ...fields], tensors);
    return { files: [{ name: 'model.gguf', chunks }], notes: [...notes, ...beyond(config)], otherTokens: !exact };
  },
  open: async (written) => ({ files: await openModelFiles(written) }),
};

/** What llama.cpp calls the families. */
const ARCHITECTURES: Record<ModelType, string> = {
  llama: 'llama',
  mistral: 'llama',
  qwen2: 'qwen2',
  qwen3: 'qwen3',
  smollm3: 'smollm3',
};

/** Throws where llama.cpp's form of the family lacks something that the model has. */
function checkArchitecture({ model_type, rope, attention_bias, o_bias, mlp_bias, n_layers, nope_layers }: ModelConfig): void {
  const arch = ARCHITECTURES[model_type];
  const lacks = (what: string, got: unknown) => {
    throw new Error(`expected ${what} for a GGUF of ${arch}, got ${got}; export ${setting('format')} hf instead`);
  };
  const { scaling } = rope;
  if (hasFactors(rope) && arch !== 'llama') lacks('no RoPE scaling, a linear one or yarn', scaling?.type);
  const unsaid = unsaidYarn(rope);
  if (unsaid) lacks('yarn with beta_fast 32, beta_slow 1 and truncate true', unsaid);
  if (arch !== 'llama' && (o_bias || mlp_bias)) lacks('no biases of o, gate, up and down', 'some');
  if (arch !== 'llama' && arch !== 'qwen2' && attention_bias) lacks('no biases of q, k and v', 'some');
  const every4th = Array.from({ length: Math.floor(n_layers / 4) }, (_, i) => 4 * i + 3);
  if (arch === 'smollm3' && nope_layers.join() !== every4th.join())
    lacks('the last of every four layers without RoPE', `layers ${nope_layers.join(', ') || 'none'}`);
}

/** What a GGUF does not say of rows that are longer than the model was made for. */
const beyond = ({ rope: { scaling } }: ModelConfig): string[] =>
  scaling?.type === 'dynamic'
    ? [
        `llama.cpp has no dynamic RoPE: up to ${scaling.max_position_embeddings} tokens it is the same without, longer rows are not stretched.`,
      ]
    : [];

function general({ files, dtype }: Exporting): GgufField[] {
  const { config, gguf } = files;
  const name = gguf?.metadata.get('general.name') ?? files.name.split(/[\\/]/).filter(Boolean).at(-1) ?? config.model_type;
  return [
    ['general.architecture', 'string', ARCHITECTURES[config.model_type]],
    ['general.type', 'string', 'model'],
    ['general.name', 'string', String(name)],
    ['general.file_type', 'u32', FILE_TYPES[dtype]],
    ['general.quantization_version', 'u32', 2],
  ];
}

function describing(config: ModelConfig): GgufField[] {
  const fields: GgufField[] = [
    ['vocab_size', 'u32', config.vocab_size],
    ['context_length', 'u32', config.max_position_embeddings],
    ['embedding_length', 'u32', config.hidden_size],
    ['block_count', 'u32', config.n_layers],
    ['feed_forward_length', 'u32', config.intermediate_size],
    ['attention.head_count', 'u32', config.n_heads],
    ['attention.head_count_kv', 'u32', config.n_kv_heads],
    ['attention.key_length', 'u32', config.head_dim],
    ['attention.value_length', 'u32', config.head_dim],
    ['attention.layer_norm_rms_epsilon', 'f32', config.rms_norm_eps],
    ['rope.dimension_count', 'u32', config.head_dim],
    ['rope.freq_base', 'f32', config.rope.theta],
    ...scalingFields(config.rope),
  ];
  return fields.map(([key, ...rest]) => [`${ARCHITECTURES[config.model_type]}.${key}`, ...rest] as GgufField);
}

function ropeTensor({ rope, head_dim }: ModelConfig): GgufTensorToWrite[] {
  if (!hasFactors(rope)) return [];
  const factors = Float32Array.from(ropeFactors(rope, head_dim));
  return [{ name: 'rope_freqs.weight', format: 'f32', shape: [factors.length], chunks: () => [new Uint8Array(factors.buffer)] }];
}

function weights({ files: { config, tensors }, adapter, dtype, seen }: Exporting): GgufTensorToWrite[] {
  const changes = changesOf(tensors, adapter);
  const arch = ARCHITECTURES[config.model_type];
  return [...tensors.values()].map((tensor) => {
    const { name, shape } = tensor;
    const format = formatIn(dtype, tensor, config);
    const written = { name: ggufName(name), format, shape };
    if (!isPermuted(arch, name)) return { ...written, chunks: () => mergedRows(tensor, changes.get(name), format, { seen }) };
    const { head_dim } = config;
    const row = formatBytes(format, shape.length === 1 ? 1 : shape[1]);
    return {
      ...written,
      chunks: () => permuted(mergedRows(tensor, changes.get(name), format, { unit: head_dim, seen }), head_dim, row),
    };
  });
}
