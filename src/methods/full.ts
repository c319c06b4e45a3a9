// Full fine-tuning: every parameter trains, in place, as dense f32 masters. The engine's other extreme beside SMT.
// A tied head and embedding are one weight and so one gradient.

import { resident } from '../gpu/tensor.ts';
import { dense } from '../ops/matmul/linear.ts';
import type { Trained } from '../ops/optimizer/adamw.ts';
import type { Vector, Weight } from '../ops/stored/weight.ts';

/** Makes every parameter train densely. Weights must be stored as f32; decay acts on matrices only. */
export function trainAll(parameters: (Weight | Vector)[]): Trained[] {
  return parameters.flatMap((w) => ('windows' in w ? trainMatrix(w) : [trainVector(w)]));
}

function trainMatrix(w: Weight): Trained[] {
  if (w.format !== 'f32')
    throw new Error(`expected ${w.name} as f32 masters for full fine-tuning, got ${w.format}: load it with --base f32`);
  const trained = w.windows.map((v) => ({
    ...moments(v.q.name, v.q.shape),
    value: v.q,
    grad: resident(`${v.q.name}.grad`, v.q.shape, 'gradients'),
    decay: true,
  }));
  for (const v of w.windows) v.q.home!.role = 'trained';
  w.trains = dense(trained.map((t) => t.grad));
  return trained;
}

function trainVector(v: Vector): Trained {
  v.grad = resident(`${v.name}.grad`, v.value.shape, 'gradients');
  v.value.home!.role = 'trained';
  return { ...moments(v.name, v.value.shape), value: v.value, grad: v.grad, decay: false };
}

/** Takes the gradients off again: what was trained is now the frozen base. */
export function freezeAll(parameters: (Weight | Vector)[]): void {
  for (const w of parameters)
    if ('windows' in w) {
      w.trains = null;
      for (const v of w.windows) v.q.home!.role = 'weights';
    } else {
      w.grad = null;
      w.value.home!.role = 'weights';
    }
}

/** Name and zeroed AdamW moments for a trained tensor. */
export function moments(name: string, shape: readonly number[]): Pick<Trained, 'name' | 'm' | 'v'> {
  return { name, m: resident(`${name}.m`, shape, 'moments'), v: resident(`${name}.v`, shape, 'moments') };
}
