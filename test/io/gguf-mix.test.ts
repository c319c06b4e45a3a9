// The mix of formats in a file, beside what llama.cpp's quantizer makes of the same models.
import { describe, expect, test } from 'vitest';
import { formatIn } from '../../src/io/gguf-mix.ts';
import { tensorShapes } from '../../src/io/tensors.ts';
import type { ModelConfig } from '../../src/models/config.ts';

const config = (changes: Partial<ModelConfig>) =>
  ({
    ...{ hidden_size: 2048, intermediate_size: 8192, n_layers: 16, n_heads: 32, n_kv_heads: 8, head_dim: 64, vocab_size: 100 },
    ...{ attention_bias: false, o_bias: false, mlp_bias: false, qk_norm: false, tie_word_embeddings: true },
    ...changes,
  }) as ModelConfig;
const counts = (dtype: string, c: ModelConfig) => {
  const found: Record<string, number> = {};
  for (const [name, shape] of tensorShapes(c)) {
    const format = formatIn(dtype, { name, shape }, c);
    found[format] = (found[format] ?? 0) + 1;
  }
  return found;
};

describe('formats of a file', () => {
  // as llama.cpp lists the published Q4_K_M of it: 34 tensors f32 (rope_freqs among them), 96 q4_K, 17 q6_K
  test('q4_k_m of Llama-3.2-1B', () => {
    expect(counts('q4_k_m', config({}))).toEqual({ f32: 33, q4_k: 96, q6_k: 17 });
  });
  // the published SmolLM2-135M-Instruct.Q4_1.gguf
  test('q4_1 of SmolLM2-135M, whose rows are no whole blocks of 256', () => {
    const c = config({ hidden_size: 576, intermediate_size: 1536, n_layers: 30, n_heads: 9, n_kv_heads: 3 });
    expect(counts('q4_1', c)).toEqual({ f32: 61, q4_1: 210, q8_0: 1 });
  });
  test('an untied head is finer, its embedding is not; rows of no blocks at all are halves', () => {
    const c = config({ tie_word_embeddings: false, n_layers: 1, intermediate_size: 100 });
    expect(formatIn('q4_0', { name: 'lm_head.weight', shape: [100, 2048] }, c)).toBe('q6_k');
    expect(formatIn('q4_0', { name: 'model.embed_tokens.weight', shape: [100, 2048] }, c)).toBe('q4_0');
    expect(formatIn('q8_0', { name: 'model.layers.0.mlp.down_proj.weight', shape: [2048, 100] }, c)).toBe('f16');
    expect(formatIn('bf16', { name: 'model.layers.0.mlp.down_proj.weight', shape: [2048, 100] }, c)).toBe('bf16');
  });
});
