// The official warm-up: full fine-tuning steps that are kept, scored by their gradients before clipping. The result is a full model.

import type { Program } from '../gpu/program.ts';
import { dispose, prepare } from '../gpu/run.ts';
import { elementsOf, type Tensor, write } from '../gpu/tensor.ts';
import { freezeAll, trainAll } from '../methods/full.ts';
import type { ScoreMaps, Target } from '../methods/smt/select.ts';
import { parametersOf } from '../models/decoder.ts';
import { type Scorer, scoreDense } from '../ops/blocks/score.ts';
import { addInto } from '../ops/elementwise/fill.ts';
import type { Report } from '../report.ts';
import type { Model, Planned } from './model.ts';
import type { TuneOptions } from './options.ts';
import type { Layout } from './order.ts';
import { planTraining, type Sizes } from './plans.ts';
import { mapsOf, scorersOf } from './scores.ts';
import type { TuneData } from './session.ts';
import { train } from './step.ts';

/** N full fine-tuning steps at the peak learning rate, and the targets' scores. Afterwards the model's weights have moved. */
export async function fullWarmup(
  model: Model,
  { rows }: TuneData,
  o: TuneOptions,
  layout: Layout,
  targets: Target[],
  b: number,
  report: Report,
  signal?: AbortSignal,
): Promise<ScoreMaps> {
  const { gpu, decoder } = model;
  const { trained, scorers, phase } = planFullWarmup(model, layout.sizes, o, targets, b);
  const trainable = trained.reduce((n, t) => n + elementsOf(t.value.shape), 0);
  report({ kind: 'plan', program: 'warmup', bytes: phase.plan.bytes, trainable, bound: false });
  const machine = await prepare(gpu, phase.plan, model.scope);
  const zeroed: Tensor[] = [...trained.flatMap((t) => [t.m, t.v]), ...scorers.flatMap((s) => [s.map, ...s.sums.map((x) => x.t)])];
  for (const t of zeroed) write(gpu.memory, t, new Uint8Array(t.bytes));
  const steps = Math.min(o.warmupSteps, layout.order.steps_per_epoch);
  report({ kind: 'start', phase: 'warmup', total: steps });
  const loop = { gpu, machine, phase, rows, order: layout.order, steps, lrAt: () => o.lr, sorted: true, signal };
  await train(loop, (line) => {
    if (line.kind !== 'step') return;
    report({ kind: 'warmup', step: line.step, loss: line.loss, tokens: line.tokens, ms: line.ms });
    if (line.step === 1)
      report({ kind: 'memory', program: 'warmup', planned: phase.plan.bytes.total, allocated: gpu.memory.bytes });
  });
  const maps = await mapsOf(model, scorers);
  freezeAll(parametersOf(decoder));
  dispose(machine);
  model.moved = true;
  return maps;
}

/** Everything trains, and every step's gradients are scored. No GPU is needed. */
export function planFullWarmup(model: Planned, sizes: Sizes, o: TuneOptions, targets: Target[], b: number) {
  const trained = trainAll(parametersOf(model.decoder));
  const scorers = scorersOf(model, targets, b, o);
  const phase = planTraining(model.decoder, trained, sizes, o, model.planning, undefined, {
    before: (p) => {
      for (const s of scorers) scoreGradients(p, s);
    },
  });
  return { trained, scorers, phase };
}

/** Adds a step's dense gradient to the score of its weight. */
function scoreGradients(p: Program, s: Scorer): void {
  const { trains, windows } = s.weight;
  const grads = trains?.grads;
  if (!grads) return;
  windows.forEach((v, i) => {
    if (s.score === 'absmean-of-sum') addInto(p, grads[i], s.sums[i].t);
    else scoreDense(p, s, v.r0, grads[i]);
  });
}
