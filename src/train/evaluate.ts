// Losses during and around a run: held-out rows every so many steps with early stopping, and the loss of any rows by the model as
// it stands.

import type { Row } from '../data/rows.ts';
import type { Loss } from '../eval/evaluate.ts';
import { planLikelihood, scoreRows, sizesOf, summary } from '../eval/likelihood.ts';
import { dispose, type Machine, prepare } from '../gpu/run.ts';
import { read, write } from '../gpu/tensor.ts';
import type { Attached } from '../methods/method.ts';
import type { Sizes } from '../ops/stream/stream.ts';
import type { Model } from './model.ts';
import type { Phase } from './plans.ts';
import type { Run } from './run.ts';

/** Loss of rows by the model as it stands on the device; its own memory is freed again. */
export async function lossOf({ gpu, decoder, planning, scope }: Model, rows: Row[], batch: number): Promise<Loss> {
  const sizes = sizesOf(rows, batch);
  const { plan, stream } = planLikelihood(decoder, sizes, planning);
  const machine = await prepare(gpu, plan, scope);
  try {
    return summary(await scoreRows(gpu, { machine, stream, sizes }, rows, batch));
  } finally {
    dispose(machine);
  }
}

/** Where early stopping stands: plain JSON, kept with checkpoints. */
export interface Stopping {
  /** Held-out loss of the best evaluation so far; null before the first. */
  best: number | null;
  /** Evaluations since without a better one. */
  worse: number;
  /** The step that was evaluated last. */
  last: number;
}

/** Evaluation on held-out rows during a run. */
export interface Watcher {
  due(step: number): boolean;
  /** Evaluates, keeps the best values, and answers whether the run goes on. */
  evaluate(step: number): Promise<boolean>;
  /** Whether patience has ended. */
  spent(): boolean;
  /** Evaluates after the last step, if that was none yet, and puts the best values back. */
  end(step: number): Promise<void>;
  standing: Stopping;
  /** Values of the best evaluation, by the tensor that trains; none without patience. */
  best: Map<string, Float32Array<ArrayBuffer>>;
}

/** Evaluates every so many steps (an epoch where not told) and, with patience, keeps the best and says when to stop. */
export function watcher(
  { model, options: o, order, report }: Run,
  held: { rows: Row[]; sizes: Sizes },
  { trained }: Attached,
  phase: Phase,
  machine: Machine,
): Watcher {
  const { gpu } = model;
  const every = o.evalEvery ?? order.batches.steps_per_epoch;
  const w: Watcher = {
    standing: { best: null, worse: 0, last: -1 },
    best: new Map(),
    due: (step) => step % every === 0,
    spent: () => o.patience !== undefined && w.standing.worse >= o.patience,
    async evaluate(step) {
      const likelihood = { machine, stream: phase.stream, sizes: held.sizes };
      const found = summary(await scoreRows(gpu, likelihood, held.rows, o.batch));
      report({ kind: 'eval', step, ...found });
      const { best, worse } = w.standing;
      const better = best === null || found.loss < best;
      w.standing = { best: better ? found.loss : best, worse: better ? 0 : worse + 1, last: step };
      if (o.patience === undefined) return true;
      if (better) for (const t of trained) w.best.set(t.name, await read(gpu.memory, t.value));
      return !w.spent();
    },
    async end(step) {
      if (w.standing.last !== step) await w.evaluate(step);
      for (const t of trained) if (w.best.has(t.name)) write(gpu.memory, t.value, w.best.get(t.name)!);
    },
  };
  return w;
}
