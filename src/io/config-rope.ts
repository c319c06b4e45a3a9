// What config.json says of rotary positions, in its older form and in its newer, and the same written for a model that came from a GGUF.
// What the kinds do is models/config.ts; how a GGUF says them is gguf-rope.ts.

import { type ModelConfig, type ModelType, type RopeScaling, yarnLength } from '../models/config.ts';
import { flag, maxPositions, positive, refuse, size } from './config-fields.ts';

/**
 * The rotary positions of a config.json. rope_parameters holds everything in the newer form; rope_theta beside rope_scaling in the
 * older. Of both transformers takes rope_scaling alone, theta included. By layer types there would be several: refused.
 */
export function readRope(raw: Record<string, any>, model_type: ModelType): ModelConfig['rope'] {
  const field = isEmpty(raw.rope_scaling) ? 'rope_parameters' : 'rope_scaling';
  const said: Record<string, any> = raw[field] ?? {};
  if (typeof said !== 'object' || Array.isArray(said)) refuse(field, said, 'an object');
  const nested = Object.entries(said).find(([, value]) => value !== null && typeof value === 'object');
  if (nested) refuse(`${field}.${nested[0]}`, nested[1], 'a number or a name: one RoPE for every layer');
  const theta = positive({ rope_theta: said.rope_theta ?? raw.rope_theta }, 'rope_theta', model_type === 'smollm3' ? 2e6 : 1e4);
  const type = said.rope_type ?? said.type ?? 'default';
  if ((said.partial_rotary_factor ?? 1) !== 1) refuse('partial_rotary_factor', said.partial_rotary_factor, '1');
  if (type === 'default') return { theta, scaling: null };
  if (!Object.hasOwn(KINDS, type)) refuse('rope_type', type, ['default', ...Object.keys(KINDS)].join(', '));
  return { theta, scaling: KINDS[type as keyof typeof KINDS]({ raw, model_type, field, said }) };
}

/** rope_scaling of a config.json; throws where it has no words for the scaling. */
export function writtenRope({ rope: { scaling } }: ModelConfig): Record<string, unknown> | null {
  switch (scaling?.type) {
    case undefined:
      return null;
    case 'factors':
      throw new Error(
        'expected RoPE factors that config.json can say (linear, llama3, yarn), got rope_freqs.weight of another kind; export a GGUF',
      );
    case 'dynamic':
      return { rope_type: 'dynamic', factor: scaling.factor };
    case 'yarn': {
      const { type, attention_factor, ...numbers } = scaling;
      return { rope_type: type, ...numbers, ...(attention_factor === yarnLength(scaling.factor) ? {} : { attention_factor }) };
    }
    default: {
      const { type, ...numbers } = scaling!;
      return { rope_type: type, ...numbers };
    }
  }
}

interface Said {
  raw: Record<string, any>;
  model_type: ModelType;
  /** What the object is called that says the scaling, and the object. */
  field: string;
  said: Record<string, any>;
}

const KINDS = {
  linear: (s) => ({ type: 'linear', factor: number(s, 'factor') }),
  // its base grows by max_position_embeddings and the row's length alone: transformers reads nothing else
  dynamic: (s) => ({
    type: 'dynamic',
    factor: number(s, 'factor'),
    max_position_embeddings: maxPositions(s.raw, s.model_type),
  }),
  llama3: (s) => ({
    type: 'llama3',
    factor: number(s, 'factor'),
    low_freq_factor: number(s, 'low_freq_factor'),
    high_freq_factor: number(s, 'high_freq_factor'),
    original_max_position_embeddings: originalContext(s),
  }),
  yarn: readYarn,
} satisfies Record<string, (s: Said) => RopeScaling>;

function readYarn(s: Said): RopeScaling {
  const { said, raw, model_type } = s;
  const context = originalContext(s);
  // a null is the ratio of the contexts; a factor that is not there at all transformers refuses too
  const factor = said.factor === null ? maxPositions(raw, model_type) / context : number(s, 'factor');
  // as in Python, 0 and null are the default here
  const orDefault = (name: string, absent: number) => (said[name] ? number(s, name) : absent);
  const [mscale, all] = [orDefault('mscale', 0), orDefault('mscale_all_dim', 0)];
  const length = mscale && all ? yarnLength(factor, mscale) / yarnLength(factor, all) : yarnLength(factor);
  return {
    type: 'yarn',
    factor,
    original_max_position_embeddings: context,
    beta_fast: orDefault('beta_fast', 32),
    beta_slow: orDefault('beta_slow', 1),
    // null is no true to Python
    truncate: said.truncate !== null && flag({ [`${s.field}.truncate`]: said.truncate }, `${s.field}.truncate`, true),
    attention_factor: said.attention_factor == null ? length : number(s, 'attention_factor'),
  };
}

function number({ field, said }: Said, name: string): number {
  const value = said[name];
  if (typeof value === 'number' && Number.isFinite(value) && value > 0) return value;
  return refuse(`${field}.${name}`, value, 'a positive number', 'set it to what the model was made with');
}

// As in transformers: one that stands beside the scaling wins over the scaling's own, and without any it is the model's context.
function originalContext({ raw, model_type, said }: Said): number {
  const name = 'original_max_position_embeddings';
  return size({ [name]: raw[name] ?? said[name] ?? maxPositions(raw, model_type) }, name);
}

const isEmpty = (value: unknown) => !value || (typeof value === 'object' && Object.keys(value).length === 0);
