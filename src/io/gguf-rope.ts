// How a GGUF says the scaling of rotary positions, as llama.cpp reads it: keys under rope.scaling, or a factor for each frequency in
// rope_freqs.weight. For reading (config-gguf.ts) and for writing (export-gguf.ts).

import { type ModelConfig, type RopeConfig, type RopeScaling, ropeFrequencies, yarnLength } from '../models/config.ts';
import { positive, refuse, size } from './config-fields.ts';
import type { GgufField } from './gguf-write.ts';

/** The scaling by keys without the architecture's prefix, and by what rope_freqs.weight holds. */
export function readScaling(
  keys: Record<string, any>,
  { rope, head_dim }: Pick<ModelConfig, 'rope' | 'head_dim'>,
  factors: number[] | undefined,
): RopeScaling | null {
  // as in llama.cpp: a factor without a type is linear, and a factor of 0 is none
  const type = keys['rope.scaling.type'] ?? 'linear';
  if (!['none', 'linear', 'yarn'].includes(type)) refuse('rope.scaling.type', type, 'none, linear or yarn');
  const factor = positive(
    { 'rope.scaling.factor': (keys['rope.scaling.factor'] ?? keys['rope.scale_linear']) || 1 },
    'rope.scaling.factor',
  );
  if (factors && (type === 'yarn' || (type === 'linear' && factor !== 1)))
    refuse('rope_freqs.weight', 'a tensor', `absent beside ${type} scaling`);
  if (type === 'yarn') return readYarn(keys, shortest(factor));
  const length = keys['rope.scaling.attn_factor'] ?? 1;
  if (length !== 1) refuse('rope.scaling.attn_factor', length, 'absent or 1 without yarn');
  if (type === 'linear' && factor !== 1) return { type, factor };
  return factors ? byFactors(factors, rope.theta, head_dim) : null;
}

/** Keys that say a scaling, without the architecture's prefix, as far as llama.cpp reads them (`unsaidYarn`). */
export function scalingFields({ scaling }: RopeConfig): GgufField[] {
  if (scaling?.type === 'linear')
    return [
      ['rope.scaling.type', 'string', 'linear'],
      ['rope.scaling.factor', 'f32', scaling.factor],
    ];
  if (scaling?.type !== 'yarn') return [];
  const { factor, original_max_position_embeddings, attention_factor } = scaling;
  return [
    ['rope.scaling.type', 'string', 'yarn'],
    ['rope.scaling.factor', 'f32', factor],
    ['rope.scaling.original_context_length', 'u32', original_max_position_embeddings],
    ['rope.scaling.attn_factor', 'f32', attention_factor / yarnLength(factor)],
  ];
}

/** What a GGUF would not say of YaRN: llama.cpp cuts the blend to whole pairs, and reads where it begins and ends for other models only. */
export function unsaidYarn({ scaling }: RopeConfig): string | null {
  if (scaling?.type !== 'yarn') return null;
  const { truncate, beta_fast, beta_slow } = scaling;
  if (!truncate) return 'truncate false';
  return beta_fast === 32 && beta_slow === 1 ? null : `beta_fast ${beta_fast}, beta_slow ${beta_slow}`;
}

/** Whether a scaling stands in rope_freqs.weight, which llama.cpp reads for its architecture `llama` alone. */
export const hasFactors = ({ scaling }: RopeConfig) => scaling?.type === 'llama3' || scaling?.type === 'factors';

/** What each frequency is divided by under a scaling: of llama3 1 for short waves, `factor` for long, a blend between. */
export function ropeFactors({ theta, scaling }: RopeConfig, head_dim: number): number[] {
  const plain = ropeFrequencies({ theta, scaling: null }, head_dim);
  return ropeFrequencies({ theta, scaling }, head_dim).map((frequency, i) => plain[i] / frequency);
}

/** A GGUF keeps f32 where config.json keeps decimals: 1e-5 comes as 9.999999747378752e-6. The shortest decimal of the same f32. */
export function shortest(value: number): number {
  const digits = [1, 2, 3, 4, 5, 6, 7, 8].find((n) => Math.fround(Number(value.toPrecision(n))) === value);
  return digits ? Number(value.toPrecision(digits)) : value;
}

// llama.cpp makes q and k longer by yarnLength and by attn_factor. The keys that converters note attention_factor under it overwrites,
// and yarn_log_multiplier it reads for some architectures only: they are taken where they say what is so without them.
function readYarn(keys: Record<string, any>, factor: number): RopeScaling {
  const number = (name: string, absent: number) =>
    shortest(positive({ [`rope.scaling.${name}`]: keys[`rope.scaling.${name}`] }, `rope.scaling.${name}`, absent));
  const length = yarnLength(factor);
  const noted = number('yarn_attn_factor', length);
  if (Math.abs(noted - length) > 1e-4)
    refuse('rope.scaling.yarn_attn_factor', noted, `absent or 0.1 ln(factor) + 1 = ${length.toFixed(4)}`);
  const blend = keys['rope.scaling.yarn_ext_factor'] ?? 1;
  if (blend !== 1 && blend !== -1) refuse('rope.scaling.yarn_ext_factor', blend, 'absent, 1 or -1');
  if (keys['rope.scaling.yarn_log_multiplier'])
    refuse('rope.scaling.yarn_log_multiplier', keys['rope.scaling.yarn_log_multiplier'], 'absent or 0');
  const context = 'rope.scaling.original_context_length';
  return {
    type: 'yarn',
    factor,
    original_max_position_embeddings: size({ [context]: keys[context] || keys.context_length }, context),
    beta_fast: number('yarn_beta_fast', 32),
    beta_slow: number('yarn_beta_slow', 1),
    truncate: true,
    attention_factor: length * number('attn_factor', 1),
  };
}

// Every number of the published Llama 3 scalings; a file's factors that equal one of them are given back by name.
const LLAMA3_FACTORS = [8, 32, 4, 16];

function byFactors(factors: number[], theta: number, head_dim: number): RopeScaling | null {
  if (factors.every((f) => f === 1)) return null;
  for (const factor of LLAMA3_FACTORS) {
    const named = {
      type: 'llama3',
      factor,
      low_freq_factor: 1,
      high_freq_factor: 4,
      original_max_position_embeddings: 8192,
    } as const;
    const expected = ropeFactors({ theta, scaling: named }, head_dim);
    if (expected.every((f, i) => Math.abs(f - factors[i]) <= 1e-5 * f)) return named;
  }
  return { type: 'factors', factors };
}
