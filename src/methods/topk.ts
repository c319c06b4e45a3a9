// Training all of the last layers and nothing below them: what "freeze the rest" means in most fine-tuning guides.
// The backward stops below the lowest layer that trains. In place, so the result is a model.

import type { Decoder } from '../models/decoder.ts';
import { parametersOf } from '../models/decoder.ts';
import { setting } from '../setting.ts';
import { inPlace } from './full.ts';
import type { Method, MethodKind } from './method.ts';

/** Settings of the training of the last layers. */
export interface TopkSettings {
  /** How many of the last layers train. */
  layers: number;
}

export const TOPK_DEFAULTS = { layers: 2 } as const;

export const TOPK_LAYERS: MethodKind<TopkSettings> = {
  name: 'topk-layers',
  help: 'all of the last layers',
  lr: 1e-5,
  betas: [0.9, 0.999],
  optimizers: ['adamw'],
  takes: ['layers', 'dtype'],
  make: (settings) => topkLayers({ ...TOPK_DEFAULTS, ...settings }),
};

/** All of the last layers, their norms and biases too; embeddings, final norm and head stay. */
export function topkLayers({ layers }: TopkSettings = TOPK_DEFAULTS): Method {
  return inPlace(TOPK_LAYERS.name, { layers }, (d) => parametersOfLast(d, layers));
}

function parametersOfLast(d: Decoder, layers: number) {
  const all = d.layers.length;
  if (!(layers >= 1)) throw new Error(`expected ${setting('layers')} of at least 1, got ${layers}: name more.`);
  if (layers > all)
    throw new Error(`expected ${setting('layers')} of at most ${all}, as many as the model has, got ${layers}: name fewer.`);
  const own = new Set(Array.from({ length: layers }, (_, i) => all - 1 - i));
  return parametersOf(d).filter(({ name }) => own.has(Number(name.match(/^model\.layers\.(\d+)\./)?.[1] ?? -1)));
}
