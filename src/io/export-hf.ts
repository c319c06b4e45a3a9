// A model as a Hugging Face folder that transformers loads: config, tokenizer and safetensors in shards. The weights come as
// a stream, tensor by tensor, from whoever has them; nothing here reads or computes them.
import { FORMATS, type PlainFormat } from '../formats.ts';
import type { ModelConfig } from '../models/config.ts';
import { mergedTensors } from './adapter-merge.ts';
import { cardFile } from './card.ts';
import { ARCHITECTURES, hasMlpBiasFlag } from './config.ts';
import { writtenRope } from './config-rope.ts';
import type { Exporter } from './export.ts';
import { type ModelFiles, openModelFiles, TOOL_TEMPLATE, type TokenizerFiles } from './model.ts';
import { type TensorToWrite, tensorBytes, writeSafetensors } from './safetensors.ts';
import { checkTensorShapes } from './tensors.ts';
import type { FileToWrite } from './write.ts';

export interface HfExport {
  config: ModelConfig;
  /** A generation_config.json, empty where there was none. */
  generation: Record<string, any>;
  tokenizer: TokenizerFiles;
  /** The tokenizer's files as they were, in place of those made of `tokenizer`. */
  kept?: FileToWrite[];
  dtype: PlainFormat;
  /** Every weight by its Hugging Face name; `bytes` is asked for when its turn comes and answers values of `dtype`. */
  tensors: { name: string; shape: number[]; bytes: TensorToWrite['bytes'] }[];
  /** Bytes of tensors that a shard holds at most, unless one tensor is larger; 5 GB where absent. */
  shardBytes?: number;
}

/** The files of the folder, for `writeFolder`. Tensors that are not the config's are an error. */
export function hfFiles(model: HfExport): FileToWrite[] {
  checkTensors(model);
  return [...weightFiles(model), ...configFiles(model)];
}

/** Throws unless the tensors are the config's. */
export function checkTensors({ tensors, config }: Pick<HfExport, 'tensors' | 'config'>): void {
  checkTensorShapes(new Map(tensors.map(({ name, shape }) => [name, shape])), config, 'the export');
}

/** The files that describe the model: config, generation config, tokenizer. `more` is what else its config.json says. */
export function configFiles(model: Omit<HfExport, 'tensors'> & { more?: Record<string, unknown> }): FileToWrite[] {
  const json = (name: string, value: unknown) => ({ name, chunks: `${JSON.stringify(value, null, 2)}\n` });
  return [
    json('config.json', { ...hfConfig(model.config, model.dtype), ...model.more }),
    json('generation_config.json', generationConfig(model)),
    ...(model.kept ?? [
      { name: 'tokenizer.json', chunks: JSON.stringify(model.tokenizer.json) },
      json('tokenizer_config.json', model.tokenizer.config),
    ]),
  ];
}

/** The files of a folder's tokenizer, byte for byte; undefined where the model came from another kind of file. */
export async function tokenizerFiles({ folder }: Pick<ModelFiles, 'folder'>): Promise<FileToWrite[] | undefined> {
  if (!folder) return undefined;
  const kept: FileToWrite[] = [];
  for (const name of TOKENIZER_FILES) {
    const file = await folder.file(name);
    if (file) kept.push({ name, chunks: await file.read(0, file.size) });
    await file?.close();
  }
  return kept;
}

const TOKENIZER_FILES = [
  ...['tokenizer.json', 'tokenizer_config.json', 'special_tokens_map.json', 'added_tokens.json', 'chat_template.jinja'],
  ...[TOOL_TEMPLATE, 'tokenizer.model', 'vocab.json', 'merges.txt'],
];

/** A config.json: the one that came, with the new dtype, or one written from a GGUF's description. */
export function hfConfig(config: ModelConfig, dtype: HfExport['dtype']): Record<string, unknown> {
  const torch_dtype = { f32: 'float32', f16: 'float16', bf16: 'bfloat16' }[dtype];
  if ('model_type' in config.raw) {
    const { dtype: _, torch_dtype: __, ...raw } = config.raw;
    return {
      ...raw,
      tie_word_embeddings: config.tie_word_embeddings,
      ['dtype' in config.raw ? 'dtype' : 'torch_dtype']: torch_dtype,
    };
  }
  const { model_type } = config;
  const ids = config.eos_token_ids;
  return {
    architectures: [ARCHITECTURES[model_type]],
    model_type,
    hidden_act: 'silu',
    hidden_size: config.hidden_size,
    intermediate_size: config.intermediate_size,
    num_hidden_layers: config.n_layers,
    num_attention_heads: config.n_heads,
    num_key_value_heads: config.n_kv_heads,
    head_dim: config.head_dim,
    vocab_size: config.vocab_size,
    max_position_embeddings: config.max_position_embeddings,
    rms_norm_eps: config.rms_norm_eps,
    rope_theta: config.rope.theta,
    rope_scaling: writtenRope(config),
    ...biases(config),
    ...(model_type === 'smollm3' ? smollm3Fields(config) : {}),
    tie_word_embeddings: config.tie_word_embeddings,
    bos_token_id: config.bos_token_id,
    eos_token_id: ids.length > 1 ? ids : (ids[0] ?? null),
    pad_token_id: config.pad_token_id, // null too: SmolLM3 would have 128004, and fail where the vocabulary is smaller
    torch_dtype,
  };
}

const SHARD_BYTES = 5e9;

export const hfExporter: Exporter = {
  place: 'folder',
  async lay({ files, adapter, dtype, seen, card }) {
    const { config, generation, tokenizer, tensors } = files;
    const plain = dtype as PlainFormat;
    const kept = await tokenizerFiles(files);
    const weights = mergedTensors(tensors, adapter, plain, seen);
    const written = hfFiles({ config, generation, tokenizer, kept, dtype: plain, tensors: weights });
    return { files: card ? [...written, cardFile({ ...card, library: 'transformers' })] : written, notes: [] };
  },
  open: async (written) => ({ files: await openModelFiles(written) }),
};

// One file where all fits, else numbered shards and the index that says what lies where.
function weightFiles({ tensors, dtype, shardBytes = SHARD_BYTES }: HfExport): FileToWrite[] {
  const stored = tensors.map((tensor): TensorToWrite => ({ ...tensor, dtype: FORMATS[dtype].safetensors! }));
  const size = (t: TensorToWrite) => tensorBytes(t.name, t.dtype, t.shape);
  const shards: TensorToWrite[][] = [];
  let room = 0;
  for (const tensor of stored) {
    const bytes = size(tensor);
    if (shards.length === 0 || bytes > room) {
      shards.push([]);
      room = shardBytes;
    }
    shards.at(-1)!.push(tensor);
    room -= bytes;
  }
  const write = (shard: TensorToWrite[]) => writeSafetensors(shard, { format: 'pt' });
  if (shards.length === 1) return [{ name: 'model.safetensors', chunks: write(shards[0]) }];
  const number = (n: number) => String(n).padStart(5, '0');
  const files = shards.map((shard, i) => ({ name: `model-${number(i + 1)}-of-${number(shards.length)}.safetensors`, shard }));
  const weight_map = Object.fromEntries(files.flatMap(({ name, shard }) => shard.map((tensor) => [tensor.name, name])));
  const total_size = stored.reduce((sum, tensor) => sum + size(tensor), 0);
  const index = `${JSON.stringify({ metadata: { total_size }, weight_map }, null, 2)}\n`;
  return [
    ...files.map(({ name, shard }) => ({ name, chunks: write(shard) })),
    { name: 'model.safetensors.index.json', chunks: index },
  ];
}

function generationConfig({ config, generation }: Pick<HfExport, 'config' | 'generation'>): Record<string, unknown> {
  const ids = config.eos_token_ids;
  const tokens = { bos_token_id: config.bos_token_id, eos_token_id: ids.length > 1 ? ids : ids[0] };
  const known = Object.entries(tokens).filter(([, id]) => id !== null && id !== undefined);
  return { ...generation, ...Object.fromEntries(known) };
}

// Which biases there are is fixed in some families and a flag in others; what neither can say is an error.
function biases(config: ModelConfig): Record<string, boolean> {
  const { model_type, attention_bias, o_bias, mlp_bias } = config;
  const [attention, o] = model_type === 'qwen2' ? [true, false] : [attention_bias, attention_bias];
  if (attention_bias !== attention || o_bias !== o || (mlp_bias && !hasMlpBiasFlag(model_type)))
    throw new Error(
      `expected biases that ${model_type} has in transformers, got q/k/v ${attention_bias}, o ${o_bias}, mlp ${mlp_bias}; export a GGUF`,
    );
  if (hasMlpBiasFlag(model_type)) return { attention_bias, mlp_bias };
  return model_type === 'qwen3' ? { attention_bias } : {};
}

function smollm3Fields({ n_layers, nope_layers }: ModelConfig): Record<string, unknown> {
  return { no_rope_layers: Array.from({ length: n_layers }, (_, i) => Number(!nope_layers.includes(i))) };
}
