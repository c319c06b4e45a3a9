import { describe, expect, test } from 'vitest';
import { configFromHf } from '../../src/io/config.ts';
import { describeShared, sharedJson } from './shared.ts';

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
const MISTRAL = { ...LLAMA, model_type: 'mistral', sliding_window: null };
const QWEN2 = { ...LLAMA, model_type: 'qwen2' };
const QWEN3 = { ...LLAMA, model_type: 'qwen3' };
const SMOLLM3 = { ...LLAMA, model_type: 'smollm3', num_hidden_layers: 9 };
const LLAMA3_ROPE = { factor: 8, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 32 };

describeShared('configs of the shared models', () => {
  test('Llama 3 in the older form', () => {
    expect(configFromHf(sharedJson('conformance/llama3/model/config.json'))).toMatchObject({
      model_type: 'llama',
      n_layers: 3,
      n_heads: 6,
      n_kv_heads: 2,
      head_dim: 16,
      rope: { theta: 10000, scaling: { type: 'llama3', ...LLAMA3_ROPE } },
      attention_bias: false,
      tie_word_embeddings: true,
      eos_token_ids: [257],
    });
  });

  test('Qwen2 in the newer form', () => {
    expect(configFromHf(sharedJson('conformance/qwen2/model/config.json'))).toMatchObject({
      model_type: 'qwen2',
      head_dim: 16,
      rope: { theta: 1e6, scaling: null },
      attention_bias: true,
      o_bias: false,
      tie_word_embeddings: false,
      dtype: 'f32',
    });
  });
});

describe('configFromHf', () => {
  test('what is absent has the family default', () => {
    const { num_key_value_heads, max_position_embeddings, rms_norm_eps, eos_token_id, ...bare } = LLAMA;
    expect(configFromHf(bare)).toEqual({
      model_type: 'llama',
      hidden_size: 64,
      intermediate_size: 172,
      n_layers: 2,
      n_heads: 8,
      n_kv_heads: 8,
      head_dim: 8,
      vocab_size: 512,
      max_position_embeddings: 2048,
      window: null,
      rms_norm_eps: 1e-6,
      rope: { theta: 10000, scaling: null },
      attention_bias: false,
      o_bias: false,
      mlp_bias: false,
      qk_norm: false,
      nope_layers: [],
      tie_word_embeddings: false,
      bos_token_id: null,
      pad_token_id: null,
      eos_token_ids: [],
      dtype: 'f32',
      raw: bare,
    });
  });

  test.each([
    [LLAMA, { attention_bias: true, mlp_bias: true }, { attention_bias: true, o_bias: true, mlp_bias: true }],
    [MISTRAL, { head_dim: 16 }, { head_dim: 16, attention_bias: false }],
    [QWEN2, {}, { attention_bias: true, o_bias: false, qk_norm: false, head_dim: 8 }],
    [QWEN3, {}, { attention_bias: false, o_bias: false, qk_norm: true, head_dim: 128 }],
    [QWEN3, { attention_bias: true }, { attention_bias: true, o_bias: true }],
    [SMOLLM3, {}, { nope_layers: [3, 7], tie_word_embeddings: true, rope: { theta: 2e6, scaling: null } }],
    [SMOLLM3, { no_rope_layer_interval: 3 }, { nope_layers: [2, 5, 8] }],
    [SMOLLM3, { no_rope_layers: [0, 1, 1, 1, 1, 0, 1, 1, 1, 0], no_rope_layer_interval: 4 }, { nope_layers: [0, 5] }],
    [SMOLLM3, { no_rope_layers: null, rope_theta: 5e6, rope_scaling: null }, { nope_layers: [3, 7], rope: { theta: 5e6 } }],
    [SMOLLM3, { rope_parameters: { rope_theta: 5e6, rope_type: 'default' } }, { rope: { theta: 5e6, scaling: null } }],
    [SMOLLM3, { attention_bias: true, mlp_bias: true }, { attention_bias: true, o_bias: true, mlp_bias: true }],
    [SMOLLM3, { tie_word_embeddings: false, architectures: ['SmolLM3ForCausalLM'] }, { tie_word_embeddings: false }],
    [SMOLLM3, { use_sliding_window: false, sliding_window: 64 }, { model_type: 'smollm3' }],
    [LLAMA, { num_key_value_heads: null }, { n_kv_heads: 8 }],
    [LLAMA, { rope_theta: 5e5 }, { rope: { theta: 5e5, scaling: null } }],
    [LLAMA, { rope_scaling: { type: 'linear', factor: 4 } }, { rope: { theta: 10000, scaling: { type: 'linear', factor: 4 } } }],
    [
      LLAMA,
      { rope_parameters: { rope_type: 'llama3', rope_theta: 5e5, ...LLAMA3_ROPE } },
      { rope: { theta: 5e5, scaling: { type: 'llama3', ...LLAMA3_ROPE } } },
    ],
    [LLAMA, { rope_scaling: { rope_type: 'default' } }, { rope: { theta: 10000, scaling: null } }],
    [
      LLAMA,
      {
        rope_scaling: { type: 'llama3', ...LLAMA3_ROPE, original_max_position_embeddings: undefined },
        max_position_embeddings: 99,
      },
      { rope: { scaling: { type: 'llama3', ...LLAMA3_ROPE, original_max_position_embeddings: 99 } } },
    ],
    [
      LLAMA,
      { rope_scaling: { rope_type: 'llama3', ...LLAMA3_ROPE }, original_max_position_embeddings: 64 },
      { rope: { scaling: { original_max_position_embeddings: 64 } } },
    ],
    [
      { ...QWEN2, max_position_embeddings: undefined },
      { rope_scaling: { rope_type: 'llama3', ...LLAMA3_ROPE, original_max_position_embeddings: undefined } },
      { max_position_embeddings: 32768, rope: { scaling: { original_max_position_embeddings: 32768 } } },
    ],
    [MISTRAL, { max_position_embeddings: undefined, sliding_window: 131072 }, { max_position_embeddings: 131072 }],
    [LLAMA, { torch_dtype: 'bfloat16' }, { dtype: 'bf16' }],
    [LLAMA, { dtype: 'float16' }, { dtype: 'f16' }],
    [LLAMA, { torch_dtype: 'auto' }, { dtype: 'f32' }],
    [LLAMA, { pretraining_tp: 2 }, { hidden_size: LLAMA.hidden_size }],
    [LLAMA, { architectures: ['LlamaModel'] }, { model_type: 'llama' }],
    [LLAMA, { eos_token_id: -1 }, { eos_token_ids: [] }],
    [LLAMA, { eos_token_id: [-1, 7] }, { eos_token_ids: [7] }],
    [
      LLAMA,
      { rope_parameters: { rope_type: 'default', rope_theta: 7 }, rope_scaling: { type: 'linear', factor: 2 }, rope_theta: 5e5 },
      { rope: { theta: 5e5, scaling: { type: 'linear', factor: 2 } } },
    ],
    [LLAMA, { rope_parameters: { rope_theta: 7 }, rope_scaling: {} }, { rope: { theta: 7, scaling: null } }],
    [MISTRAL, { sliding_window: 512 }, { max_position_embeddings: 512 }],
    [QWEN2, { use_sliding_window: false, sliding_window: 64 }, { model_type: 'qwen2' }],
    [MISTRAL, { sliding_window: 511 }, { window: 511, max_position_embeddings: 511 }],
    [MISTRAL, { sliding_window: undefined, max_position_embeddings: 32768 }, { window: 4096, max_position_embeddings: 4096 }],
    [MISTRAL, { sliding_window: 8, layer_types: ['sliding_attention', 'sliding_attention'] }, { window: 8 }],
    [LLAMA, { sliding_window: 8 }, { window: null, max_position_embeddings: 512 }], // a Llama has none in transformers
    [QWEN2, { use_sliding_window: true, sliding_window: 64, max_window_layers: 1 }, { window: 64, max_position_embeddings: 64 }],
    [QWEN2, { use_sliding_window: true, sliding_window: 64 }, { window: null }], // its first 28 layers see all
    [QWEN2, { use_sliding_window: true, sliding_window: null }, { window: null }],
    [
      QWEN3,
      { use_sliding_window: true, sliding_window: 64, layer_types: ['full_attention', 'sliding_attention'] },
      { window: 64 },
    ],
    [SMOLLM3, { use_sliding_window: true, sliding_window: 64 }, { window: 64 }],
    [LLAMA, { pad_token_id: 2 }, { pad_token_id: 2 }],
    [LLAMA, { pad_token_id: -1 }, { pad_token_id: LLAMA.vocab_size - 1 }], // as PyTorch counts
    [LLAMA, { pad_token_id: LLAMA.vocab_size }, { pad_token_id: null }],
    [{ ...SMOLLM3, vocab_size: 128256 }, {}, { pad_token_id: 128004 }],
    [{ ...SMOLLM3, vocab_size: 128256 }, { pad_token_id: null }, { pad_token_id: null }],
    [SMOLLM3, {}, { pad_token_id: null }],
  ])('%# is understood', (base, fields, expected) => {
    expect(configFromHf({ ...base, ...fields })).toMatchObject(expected);
  });

  test('end-of-sequence ids of both files, once each', () => {
    expect(configFromHf({ ...LLAMA, eos_token_id: [2, 7] }, { eos_token_id: [7, 9] }).eos_token_ids).toEqual([2, 7, 9]);
  });

  test.each([
    [LLAMA, { model_type: 'gemma2' }, 'model_type', '"gemma2"'],
    [LLAMA, { model_type: undefined }, 'model_type', 'nothing'],
    [LLAMA, { architectures: ['LlamaForSequenceClassification'] }, 'architectures', 'LlamaForSequenceClassification'],
    [LLAMA, { hidden_act: 'gelu' }, 'hidden_act', '"gelu"'],
    [LLAMA, { quantization_config: { quant_method: 'gptq' } }, 'quantization_config', 'gptq'],
    [LLAMA, { is_causal: false }, 'is_causal', 'false'],
    [LLAMA, { per_layer_config: { 1: { rms_norm_eps: 1 } } }, 'per_layer_config', '"rms_norm_eps":1'],
    [LLAMA, { partial_rotary_factor: 0.5 }, 'partial_rotary_factor', '0.5'],
    [LLAMA, { rope_parameters: { partial_rotary_factor: 0.5 } }, 'partial_rotary_factor', '0.5'],
    [LLAMA, { rope_parameters: { rope_type: 'longrope' } }, 'rope_type', '"longrope"'],
    [
      QWEN3,
      { rope_parameters: { full_attention: { rope_type: 'default' } } },
      'rope_parameters.full_attention',
      '"rope_type":"default"',
    ],
    [LLAMA, { rope_parameters: { rope_theta: 7 }, rope_scaling: { type: 'longrope', factor: 4 } }, 'rope_type', '"longrope"'],
    [LLAMA, { eos_token_id: -2 }, 'eos_token_id', '-2'],
    [LLAMA, { rope_scaling: { type: 'linear' } }, 'rope_scaling.factor', 'nothing'],
    [LLAMA, { rope_parameters: { rope_type: 'linear', factor: 'x' } }, 'rope_parameters.factor', '"x"'],
    [LLAMA, { rope_scaling: { rope_type: 'llama3', ...LLAMA3_ROPE, high_freq_factor: 1 } }, 'high_freq_factor', '1'],
    [LLAMA, { num_local_experts: 8 }, 'num_local_experts', '8'],
    [QWEN3, { num_experts: 128 }, 'num_experts', '128'],
    [MISTRAL, { sliding_window: 0 }, 'sliding_window', '0'],
    [LLAMA, { layer_types: ['full_attention', 'sliding_attention'] }, 'layer_types', '"sliding_attention"'],
    [MISTRAL, { layer_types: ['chunked_attention', 'full_attention'] }, 'layer_types', '"chunked_attention"'],
    [MISTRAL, { attention_bias: true }, 'attention_bias', 'true'],
    [QWEN2, { mlp_bias: true }, 'mlp_bias', 'true'],
    [QWEN2, { layer_types: ['full_attention', 'sliding_attention'] }, 'layer_types', '"sliding_attention"'],
    [SMOLLM3, { architectures: ['Smollm3ForCausalLM'] }, 'architectures', 'Smollm3ForCausalLM'],
    [SMOLLM3, { layer_types: ['full_attention', 'sliding_attention'] }, 'layer_types', '"sliding_attention"'],
    [SMOLLM3, { no_rope_layers: [1, 1, 1, 0] }, 'no_rope_layers', '[1,1,1,0]'],
    [SMOLLM3, { no_rope_layers: [1, 1, 1, 0, 1, 1, 1, 2, 1] }, 'no_rope_layers', '[1,1,1,0,1,1,1,2,1]'],
    [SMOLLM3, { no_rope_layers: 4 }, 'no_rope_layers', '4'],
    [SMOLLM3, { no_rope_layer_interval: 0 }, 'no_rope_layer_interval', '0'],
    [LLAMA, { no_rope_layers: [1, 0] }, 'no_rope_layers', '[1,0]'],
    [LLAMA, { hidden_size: undefined }, 'hidden_size', 'nothing'],
    [LLAMA, { vocab_size: 0 }, 'vocab_size', '0'],
    [LLAMA, { num_hidden_layers: 1.5 }, 'num_hidden_layers', '1.5'],
    [LLAMA, { num_hidden_layers: 1e9 }, 'num_hidden_layers', '1000000000'],
    [LLAMA, { intermediate_size: '172' }, 'intermediate_size', '"172"'],
    [LLAMA, { hidden_size: 60, head_dim: undefined }, 'head_dim', '7.5'],
    [LLAMA, { head_dim: 7 }, 'head_dim', '7'],
    [LLAMA, { num_key_value_heads: 3 }, 'num_key_value_heads', '3'],
    [QWEN2, { num_key_value_heads: undefined }, 'num_key_value_heads', 'nothing'],
    [LLAMA, { rms_norm_eps: -1 }, 'rms_norm_eps', '-1'],
    [LLAMA, { rope_theta: 0 }, 'rope_theta', '0'],
    [LLAMA, { tie_word_embeddings: 'yes' }, 'tie_word_embeddings', '"yes"'],
    [LLAMA, { eos_token_id: '</s>' }, 'eos_token_id', '"</s>"'],
    [LLAMA, { torch_dtype: 'int8' }, 'dtype', '"int8"'],
  ])('%# names the field and its value', (base, fields, field, value) => {
    const message = expect.objectContaining({ message: expect.stringContaining(`config.json: expected ${field} to be`) });
    expect(() => configFromHf({ ...base, ...fields })).toThrow(message);
    expect(() => configFromHf({ ...base, ...fields })).toThrow(value);
  });
});
