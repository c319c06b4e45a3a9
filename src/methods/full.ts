// Full fine-tuning: every parameter trains, in place, as dense f32 masters. The engine's other extreme beside SMT.
// A tied head and embedding are one weight and so one gradient. What trains whole is here too for methods that train a part so.

import { resident } from '../gpu/tensor.ts';
import { parametersOf } from '../models/decoder.ts';
import { dense } from '../ops/matmul/linear.ts';
import { newTrained, type Trained } from '../ops/optimizer/trained.ts';
import type { Vector, Weight } from '../ops/stored/weight.ts';
import type { Attached, Method, MethodKind } from './method.ts';

export const FULL: MethodKind<object> = {
  name: 'full',
  help: 'everything',
  lr: 1e-5,
  betas: [0.9, 0.999],
  optimizers: ['adamw'],
  takes: ['dtype'],
  make: () => full(),
};

/** All of the model, but for what PyTorch leaves out too: the embedding's row of pad_token_id. The result is a model. */
export function full(): Method {
  return inPlace('full', {}, (d) => parametersOf(d));
}

/** A method that trains some parameters whole and in place. */
export function inPlace(
  name: string,
  settings: Record<string, unknown>,
  which: (d: Parameters<Method['attach']>[0]) => (Weight | Vector)[],
): Method {
  return {
    name,
    settings,
    movesBase: true,
    wholeGradients: true,
    check: (d) => void which(d),
    attach: (d) => attachDense(which(d), (w) => w === d.embed),
  };
}

/** Makes parameters train whole. Matrices must be stored as f32; weight decay acts on matrices only. */
export function attachDense(parameters: (Weight | Vector)[], isEmbedding: (w: Weight) => boolean): Attached {
  const matrices = parameters.filter((w): w is Weight => 'windows' in w);
  const vectors = parameters.filter((w): w is Vector => !('windows' in w));
  const trained = new Map(matrices.map((w) => [w, trainedWindows(w)]));
  const hooks = matrices.map((weight) => ({ weight, trains: dense(trained.get(weight)!.map((t) => t.grad)) }));
  for (const { weight, trains } of hooks) weight.trains = trains;
  const ofVector = new Map(vectors.map((v) => [v, trainedVector(v)]));
  const all = parameters.flatMap((w) => ('windows' in w ? trained.get(w)! : [ofVector.get(w)!]));
  for (const t of all) t.value.home!.role = 'trained';
  return {
    trained: all,
    of: all.reduce((n, t) => n + t.count, 0),
    hooks,
    tensors: [],
    scratch: [],
    sorted: matrices.some(isEmbedding),
    fill: async () => {},
    adapter: async () => null,
    settle() {
      for (const w of matrices) w.trains = null;
      for (const v of vectors) v.grad = null;
      for (const t of all) t.value.home!.role = 'weights';
    },
  };
}

function trainedWindows(w: Weight): Trained[] {
  if (w.format !== 'f32')
    throw new Error(`expected ${w.name} as f32 to be trained in place, got ${w.format}: load the model with base f32.`);
  return w.windows.map(({ q }) => newTrained(q, resident(`${q.name}.grad`, q.shape, 'gradients'), { decay: true }));
}

function trainedVector(v: Vector): Trained {
  v.grad = resident(`${v.name}.grad`, v.value.shape, 'gradients');
  return newTrained(v.value, v.grad, { decay: false });
}
