// What config.json and GGUF keys say of rotary positions: frequencies and lengths as transformers makes them of the same file, and what is
// refused.
import { describe, expect, test } from 'vitest';
import { configFromHf } from '../../src/io/config.ts';
import { writtenRope } from '../../src/io/config-rope.ts';
import { readScaling, scalingFields } from '../../src/io/gguf-rope.ts';
import { type ModelConfig, type RopeScaling, ropeFrequencies, ropeLength, yarnLength } from '../../src/models/config.ts';
import '../compare.ts';
import golden from '../goldens/rope.json' with { type: 'json' };

const BASE = {
  ...{ model_type: 'qwen3', hidden_size: 64, intermediate_size: 16, num_hidden_layers: 1, num_attention_heads: 2 },
  ...{ num_key_value_heads: 1, head_dim: 32, vocab_size: 8, max_position_embeddings: 4096, rope_theta: 1e6 },
};
const YARN = { rope_type: 'yarn', factor: 4, original_max_position_embeddings: 1024 };
const yarn: Extract<RopeScaling, { type: 'yarn' }> = {
  type: 'yarn',
  ...{ factor: 4, original_max_position_embeddings: 1024, beta_fast: 32, beta_slow: 1, truncate: true },
  attention_factor: 0.1 * Math.log(4) + 1,
};
const scalingOf = (rope_scaling: object, more = {}) => configFromHf({ ...BASE, rope_scaling, ...more }).rope.scaling;

describe('config.json', () => {
  test.each(golden.cases.map((c) => [JSON.stringify(c.config.rope_scaling ?? c.config.rope_parameters), c] as const))(
    '%s: frequencies and length of transformers',
    (_, { config, inv_freq, attention_scaling }) => {
      const { rope, head_dim } = configFromHf(config);
      expect(ropeFrequencies(rope, head_dim)).toBeAllclose(inv_freq, { rtol: 5e-7 }); // f32 powers there
      expect(ropeLength(rope)).toBeCloseTo(attention_scaling, 14);
    },
  );

  test.each([
    [{ ...YARN, factor: '4.0' }, 'rope_scaling.factor', '"4.0"'],
    [{ ...YARN, factor: undefined }, 'rope_scaling.factor', 'nothing'],
    [{ ...YARN, factor: 0 }, 'rope_scaling.factor', '0'],
    [{ rope_type: 'dynamic' }, 'rope_scaling.factor', 'nothing'],
    [{ ...YARN, factor: -2 }, 'rope_scaling.factor', '-2'],
    [{ ...YARN, beta_fast: -1 }, 'rope_scaling.beta_fast', '-1'],
    [{ ...YARN, beta_slow: '1' }, 'rope_scaling.beta_slow', '"1"'],
    [{ ...YARN, mscale: true }, 'rope_scaling.mscale', 'true'],
    [{ ...YARN, attention_factor: 0 }, 'rope_scaling.attention_factor', '0'],
    [{ ...YARN, truncate: 'no' }, 'rope_scaling.truncate', '"no"'],
    [{ ...YARN, original_max_position_embeddings: 0 }, 'original_max_position_embeddings', '0'],
    [{ ...YARN, original_max_position_embeddings: 1.5 }, 'original_max_position_embeddings', '1.5'],
    [{ ...YARN, rope_type: 'YaRN' }, 'rope_type', '"YaRN"'],
    [{ ...YARN, rope_type: 'toString' }, 'rope_type', '"toString"'],
    [{ ...YARN, rope_type: 'longrope' }, 'rope_type', '"longrope"'],
    [{ ...YARN, rope_theta: 1 }, 'rope_theta', '1'],
  ])('%j is refused by name and value', (rope_scaling, field, value) => {
    expect(() => scalingOf(rope_scaling)).toThrow(`config.json: expected ${field} to be`);
    expect(() => scalingOf(rope_scaling)).toThrow(`, got ${value}; `);
  });

  test('the kinds there are, and what to do of a bad number', () => {
    expect(() => scalingOf({ type: 'longrope' })).toThrow('default, linear, dynamic, llama3, yarn');
    expect(() => scalingOf({ type: 'yarn', factor: null, beta_fast: 'x' })).toThrow('set it to what the model was made with');
  });

  test.each<RopeScaling | null>([
    null,
    { type: 'linear', factor: 2 },
    { type: 'dynamic', factor: 2, max_position_embeddings: 4096 },
    yarn,
    { ...yarn, attention_factor: 1.25, truncate: false, beta_fast: 64 },
  ])('%j is written so that it is read as the same', (scaling) => {
    const written = writtenRope({ rope: { theta: 1e6, scaling } } as ModelConfig);
    expect(scalingOf(written ?? {})).toEqual(scaling);
  });
});

describe('GGUF keys', () => {
  const read = (keys: Record<string, unknown>, factors?: number[]) =>
    readScaling({ context_length: 4096, ...keys }, { rope: { theta: 1e6, scaling: null }, head_dim: 8 }, factors);
  const keys = (scaling: RopeScaling) =>
    Object.fromEntries(
      scalingFields({ theta: 1e6, scaling }).map(([key, type, value]) => [
        key,
        type === 'f32' ? Math.fround(value as number) : value,
      ]),
    );
  // as llama.cpp's converter writes them of a config.json
  const converted = {
    'rope.scaling.type': 'yarn',
    'rope.scaling.factor': 4,
    'rope.scaling.original_context_length': 1024,
  };

  test('yarn as the converter writes it', () => {
    expect(read(converted)).toEqual(yarn);
    const noted = { 'rope.scaling.yarn_attn_factor': Math.fround(yarnLength(4)), 'rope.scaling.yarn_ext_factor': 1 };
    expect(read({ ...converted, ...noted, 'rope.scaling.yarn_beta_fast': 64 })).toEqual({ ...yarn, beta_fast: 64 });
    expect(read({ 'rope.scaling.type': 'yarn', 'rope.scaling.factor': 2.5 })).toMatchObject({
      factor: 2.5,
      original_max_position_embeddings: 4096,
      attention_factor: yarnLength(2.5),
    });
  });

  test.each<RopeScaling>([{ type: 'linear', factor: 2.5 }, yarn, { ...yarn, factor: 2.3, attention_factor: 1.25 }])(
    '%j is written so that it is read as the same',
    (scaling) => {
      const { attention_factor = 1, ...rest } = { attention_factor: undefined, ...scaling };
      const again = { attention_factor: undefined, ...read(keys(scaling))! };
      expect(again).toMatchObject(rest);
      expect(again.attention_factor ?? 1).toBeCloseTo(attention_factor, 6);
    },
  );

  test.each([
    [{ 'rope.scaling.attn_factor': 1.2 }, 'rope.scaling.attn_factor'],
    [{ 'rope.scaling.type': 'longrope' }, 'rope.scaling.type'],
    [{ ...converted, 'rope.scaling.yarn_attn_factor': 1.5 }, 'rope.scaling.yarn_attn_factor'],
    [{ ...converted, 'rope.scaling.yarn_ext_factor': 0.5 }, 'rope.scaling.yarn_ext_factor'],
    [{ ...converted, 'rope.scaling.yarn_log_multiplier': 0.1 }, 'rope.scaling.yarn_log_multiplier'],
    [{ ...converted, 'rope.scaling.yarn_beta_fast': -1 }, 'rope.scaling.yarn_beta_fast'],
    [{ ...converted, 'rope.scaling.factor': -4 }, 'rope.scaling.factor'],
    [{ ...converted, 'rope.scaling.original_context_length': 0.5 }, 'rope.scaling.original_context_length'],
  ])('%j is refused by name', (more, name) => {
    expect(() => read(more)).toThrow(`expected ${name} to be`);
  });

  test('yarn beside factors of its own is refused', () => {
    expect(() => read(converted, [1, 1, 2, 3])).toThrow('rope_freqs.weight to be absent beside yarn');
  });
});
