// The description of a decoder from a GGUF's metadata and tensor names. The same strictness as config.ts: a key that changes
// the results and that the engine does not have is an error.
import type { ModelConfig, ModelType } from '../models/config.ts';
import { checkConfig } from './config.ts';
import { positive, refuse, size } from './config-fields.ts';
import type { Gguf } from './gguf.ts';
import { readScaling, shortest } from './gguf-rope.ts';

/** The config of a GGUF. `ropeFactors`: what rope_freqs.weight holds; `tied`: no output.weight of its own. */
export function configFromGguf(gguf: Gguf, ropeFactors: number[] | undefined, tied: boolean): ModelConfig {
  const raw = scalars(gguf);
  const arch = raw['general.architecture'];
  const model_type: ModelType = ['llama', 'qwen2', 'qwen3', 'smollm3'].includes(arch)
    ? arch
    : refuse('general.architecture', arch, 'llama, qwen2, qwen3 or smollm3');
  if ((raw['split.count'] ?? 1) > 1)
    refuse('split.count', raw['split.count'], '1 (join the parts with llama-gguf-split --merge)');
  const keys = withoutPrefix(raw, `${arch}.`);
  refuseUnsupported(keys, arch);
  const hidden_size = size(keys, 'embedding_length');
  const n_heads = size(keys, 'attention.head_count');
  const head_dim = size(keys, 'attention.key_length', hidden_size / n_heads);
  for (const field of ['attention.value_length', 'rope.dimension_count'])
    if (size(keys, field, head_dim) !== head_dim) refuse(`${arch}.${field}`, keys[field], `the head dimension ${head_dim}`);
  const has = (name: string) => gguf.tensors.has(name);
  const window = keys['attention.sliding_window'] ? size(keys, 'attention.sliding_window') : null; // 0 is none
  const config: ModelConfig = {
    model_type,
    hidden_size,
    intermediate_size: size(keys, 'feed_forward_length'),
    n_layers: size(keys, 'block_count'),
    n_heads,
    n_kv_heads: size(keys, 'attention.head_count_kv', n_heads),
    head_dim,
    vocab_size: gguf.tensors.get('token_embd.weight')?.dims[1] ?? refuse('token_embd.weight', undefined, 'a matrix'),
    max_position_embeddings: Math.min(size(keys, 'context_length'), window ?? Number.POSITIVE_INFINITY),
    window,
    rms_norm_eps: shortest(positive(keys, 'attention.layer_norm_rms_epsilon')),
    rope: { theta: shortest(positive(keys, 'rope.freq_base', 10000)), scaling: null },
    attention_bias: has('blk.0.attn_q.bias'),
    o_bias: has('blk.0.attn_output.bias'),
    mlp_bias: has('blk.0.ffn_down.bias'),
    qk_norm: has('blk.0.attn_q_norm.weight'),
    nope_layers: model_type === 'smollm3' ? everyFourth(size(keys, 'block_count')) : [],
    tie_word_embeddings: tied,
    bos_token_id: tokenId(raw, 'bos') ?? null,
    pad_token_id: tokenId(raw, 'padding') ?? null,
    eos_token_ids: endIds(gguf, raw),
    dtype: storedDtype(gguf),
    raw,
  };
  config.rope.scaling = readScaling(keys, config, ropeFactors);
  if (config.qk_norm !== (model_type === 'qwen3')) refuse('blk.0.attn_q_norm.weight', config.qk_norm, `there only in qwen3`);
  checkConfig(config);
  return config;
}

// No key says which layers of SmolLM3 have no RoPE: llama.cpp takes the last of every four, as the published model has it.
const everyFourth = (n_layers: number) => Array.from({ length: Math.floor(n_layers / 4) }, (_, i) => 4 * i + 3);

// Keys under the architecture's prefix with the values under which they change nothing.
const HARMLESS: Record<string, unknown[]> = {
  expert_count: [0],
  expert_used_count: [0],
  expert_feed_forward_length: [0],
  use_parallel_residual: [false],
  logit_scale: [0, 1],
  residual_scale: [0, 1],
  embedding_scale: [0, 1],
  'attention.scale': [0],
  'attention.causal': [true],
  'attention.clamp_kqv': [0],
  attn_logit_softcapping: [0],
  final_logit_softcapping: [0],
  'attention.layer_norm_epsilon': [],
  pooling_type: [0],
};

function refuseUnsupported(keys: Record<string, any>, arch: string): void {
  for (const [key, harmless] of Object.entries(HARMLESS))
    if (keys[key] !== undefined && !harmless.includes(keys[key]))
      refuse(`${arch}.${key}`, keys[key], ['absent', ...harmless.map((v) => JSON.stringify(v))].join(' or '));
}

// A quantized file is taken for f16, what a merge of it is written as.
function storedDtype(gguf: Gguf): ModelConfig['dtype'] {
  const type = gguf.tensors.get('blk.0.attn_q.weight')?.type;
  return type === 'f32' || type === 'bf16' ? type : 'f16';
}

// Tokens that end an answer by their text, as llama.cpp knows them: many files name but one end by key.
const ENDS =
  '<|eot_id|> <|im_end|> <|end|> <|return|> <|call|> <|flush|> <|calls|> <end_of_turn> <|endoftext|> </s> <|eom_id|> <EOT> _<EOT> ' +
  '[EOT] [EOS] <|end_of_text|> <end_of_utterance> <eos> <turn|> <|tool_response> <｜end▁of▁sentence｜> [e~[';
// Where a model has those that end a whole answer, <|end|> ends only a part of it.
const PARTS = [
  ['<|return|>', '<|call|>'],
  ['<|calls|>', '<|flush|>'],
];

/** Ids of every end: those named by key, then control tokens of a known name. */
function endIds(gguf: Gguf, raw: Record<string, any>): number[] {
  const keyed = ['eos', 'eot', 'eom'].map((kind) => tokenId(raw, kind)).filter((id) => id !== undefined);
  const tokens = gguf.metadata.get('tokenizer.ggml.tokens');
  const types = gguf.metadata.get('tokenizer.ggml.token_type');
  if (!Array.isArray(tokens) || !Array.isArray(types)) return [...new Set(keyed)];
  const control = new Map(tokens.map((token, id) => [token, id] as const).filter(([, id]) => types[id] === CONTROL));
  const named = ENDS.split(' ').filter((name) => control.has(name));
  const partial = PARTS.some((names) => names.every((name) => control.has(name)));
  const ends = named.filter((name) => !(partial && name === '<|end|>')).map((name) => control.get(name)!);
  return [...new Set([...keyed, ...ends])];
}

const CONTROL = 3;

function tokenId(raw: Record<string, any>, kind: string): number | undefined {
  const id = raw[`tokenizer.ggml.${kind}_token_id`];
  // Older converters write 2^32 - 1 for none.
  return id === 0xffffffff ? undefined : id;
}

// Arrays are left out (they are the tokenizer's), but for per-layer sizes that are all the same, which count as one.
function scalars(gguf: Gguf): Record<string, any> {
  const entries = [...gguf.metadata].map(([key, value]) => {
    const same = Array.isArray(value) && !key.startsWith('tokenizer.') && value.length > 0 && value.every((v) => v === value[0]);
    return [key, same ? value[0] : value];
  });
  return Object.fromEntries(entries.filter(([key, value]) => !(Array.isArray(value) && String(key).startsWith('tokenizer.'))));
}

function withoutPrefix(raw: Record<string, any>, prefix: string): Record<string, any> {
  return Object.fromEntries(
    Object.entries(raw)
      .filter(([key]) => key.startsWith(prefix))
      .map(([key, value]) => [key.slice(prefix.length), value]),
  );
}
