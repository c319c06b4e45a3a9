import { describe, expect, test } from 'vitest';
import { configFromHf } from '../../src/io/config.ts';
import { configFromGguf } from '../../src/io/config-gguf.ts';
import { ropeFrequencies } from '../oracle/rope.ts';

const LLAMA = {
  model_type: 'llama',
  hidden_size: 64,
  intermediate_size: 172,
  num_hidden_layers: 2,
  num_attention_heads: 8,
  num_key_value_heads: 4,
  vocab_size: 512,
  max_position_embeddings: 512,
  rms_norm_eps: 1e-5,
  eos_token_id: 2,
};
const LLAMA3_ROPE = { factor: 8, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 32 };

describe('configFromGguf', () => {
  const keys = {
    'general.architecture': 'llama',
    'llama.embedding_length': 64,
    'llama.feed_forward_length': 172,
    'llama.block_count': 2,
    'llama.attention.head_count': 8,
    'llama.attention.head_count_kv': 4,
    'llama.context_length': 512,
    'llama.attention.layer_norm_rms_epsilon': Math.fround(1e-5),
    'llama.rope.freq_base': 5e5,
    'tokenizer.ggml.bos_token_id': 1,
    'tokenizer.ggml.eos_token_id': 2,
    'tokenizer.ggml.eot_token_id': 3,
    'tokenizer.ggml.padding_token_id': 0xffffffff,
    'tokenizer.ggml.tokens': ['a', 'b'],
  };
  const read = (fields: Record<string, unknown> = {}, factors?: number[]) => {
    const metadata = new Map(Object.entries({ ...keys, ...fields }).filter(([, value]) => value !== undefined));
    const tensors = new Map([['token_embd.weight', { name: '', type: 'q8_0', dims: [64, 512], offset: 0, bytes: 0 }]]);
    return configFromGguf({ version: 3, metadata, tensors, source: undefined } as any, factors, true);
  };

  test('ends by key, then control tokens of names that llama.cpp ends at', () => {
    const tokens = ['a', '<s>', '</s>', '<|eot_id|>', '<|im_end|>', '<|eom_id|>', '<x>', '<EOT>'];
    const ends = (types: number[], more = {}) =>
      read({ 'tokenizer.ggml.tokens': tokens, 'tokenizer.ggml.token_type': types, ...more }).eos_token_ids;
    expect(ends([1, 3, 3, 3, 3, 3, 3, 1], { 'tokenizer.ggml.eot_token_id': undefined })).toEqual([2, 3, 4, 5]);
    expect(ends([1, 3, 3, 1, 1, 1, 3, 3], { 'tokenizer.ggml.eom_token_id': 6 })).toEqual([2, 3, 6, 7]);
  });

  test('the same description as from a config.json', () => {
    const { raw, ...config } = read();
    const { raw: _, ...twin } = configFromHf({
      ...LLAMA,
      rope_theta: 5e5,
      bos_token_id: 1,
      eos_token_id: [2, 3],
      tie_word_embeddings: true,
    });
    expect(config).toEqual({ ...twin, dtype: 'f16' });
    expect(raw).not.toHaveProperty('tokenizer.ggml.tokens');
  });

  test('the last of every four layers of SmolLM3 has no RoPE', () => {
    const smollm3 = (n_layers: number) => {
      const fields = Object.entries(keys).map(([key, value]) => [key.replace('llama.', 'smollm3.'), value]);
      return read({ ...Object.fromEntries(fields), 'general.architecture': 'smollm3', 'smollm3.block_count': n_layers });
    };
    expect(smollm3(9)).toMatchObject({ model_type: 'smollm3', nope_layers: [3, 7] });
    expect(smollm3(4).nope_layers).toEqual([3]);
    expect(smollm3(3).nope_layers).toEqual([]);
  });

  test('a sliding window is the longest context; 0 is none', () => {
    expect(read({ 'llama.attention.sliding_window': 256 })).toMatchObject({ window: 256, max_position_embeddings: 256 });
    expect(read({ 'llama.attention.sliding_window': 0 }).window).toBeNull();
  });

  test('sizes given for each layer count as one where they agree', () => {
    expect(read({ 'llama.feed_forward_length': [172, 172] }).intermediate_size).toBe(172);
    expect(() => read({ 'llama.feed_forward_length': [172, 64] })).toThrow(
      'feed_forward_length to be a positive integer, got [172,64]',
    );
  });

  test('Llama 3 scaling is known by its factors', () => {
    const scaling = { type: 'llama3', ...LLAMA3_ROPE, original_max_position_embeddings: 8192 } as const;
    const plain = ropeFrequencies({ theta: 5e5, scaling: null }, 8);
    const factors = [...ropeFrequencies({ theta: 5e5, scaling }, 8)].map((frequency, i) => plain[i] / frequency);
    expect(factors[0]).toBe(1);
    expect(factors.at(-1)).toBeCloseTo(8, 12);
    expect(read({}, factors.map(Math.fround)).rope.scaling).toEqual(scaling);
    expect(read({}, [1, 1, 2, 3]).rope.scaling).toEqual({ type: 'factors', factors: [1, 1, 2, 3] });
    expect(read({}, [1, 1, 1, 1]).rope.scaling).toBeNull();
    expect(() => read({}, [1, 1, 2])).toThrow('rope factors');
  });

  test('linear scaling by either of its keys', () => {
    expect(read({ 'llama.rope.scaling.type': 'linear', 'llama.rope.scaling.factor': 2 }).rope.scaling).toEqual({
      type: 'linear',
      factor: 2,
    });
    expect(read({ 'llama.rope.scaling.factor': 2 }).rope.scaling).toEqual({ type: 'linear', factor: 2 });
    expect(read({ 'llama.rope.scaling.factor': 0 }).rope.scaling).toBeNull();
    expect(read({ 'llama.rope.scaling.type': 'none', 'llama.rope.scaling.factor': 2 }).rope.scaling).toBeNull();
    expect(read({ 'llama.rope.scale_linear': 2 }).rope.scaling).toEqual({ type: 'linear', factor: 2 });
  });

  test.each([
    ['general.architecture', 'gemma'],
    ['llama.embedding_length', undefined],
    ['llama.rope.dimension_count', 4],
    ['llama.attention.value_length', 16],
    ['llama.rope.scaling.type', 'longrope'],
    ['llama.rope.scaling.attn_factor', 1.2],
    ['llama.expert_count', 8],
    ['split.count', 3],
    ['llama.logit_scale', 0.5],
    ['llama.attention.head_count_kv', 3],
  ])('%s = %s is refused by name', (key, value) => {
    expect(() => read({ [key]: value })).toThrow(
      key.includes('head_count_kv') ? 'num_key_value_heads' : key.replace('llama.', ''),
    );
  });
});
