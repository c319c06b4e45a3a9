// How well a model predicts the answers of data: every row scored, one figure for all.

import type { IndexedRow } from '../data/load.ts';
import type { Gpu } from '../gpu/device.ts';
import type { Planning } from '../gpu/limits.ts';
import { dispose, prepare } from '../gpu/run.ts';
import type { Scope } from '../gpu/scope.ts';
import type { Decoder } from '../models/decoder.ts';
import type { Report } from '../report.ts';
import { planLikelihood, scoreRows, sizesOf, summary } from './likelihood.ts';

/** A model on the device, as it stands: with an adapter where one hangs on it. */
export interface OnDevice {
  gpu: Gpu;
  decoder: Decoder;
  planning: Planning;
  scope: Scope;
}

/** Loss in nats a target, its exponential, and the number of targets. */
export type Loss = ReturnType<typeof summary>;

/** What a row's targets scored: summed log-probability in nats, and their number. */
export interface Example {
  index: number;
  logprob: number;
  tokens: number;
}

/** Loss (nats a target), perplexity and number of the rows' targets. `each` hears of every row, those without a target included, in order. */
export async function evaluateRows(
  { gpu, decoder, planning, scope }: OnDevice,
  { rows, untargeted = [] }: { rows: IndexedRow[]; untargeted?: number[] },
  { batch, each = () => {} }: { batch: number; each?: (example: Example) => void },
  report: Report,
): Promise<Loss> {
  const sizes = sizesOf(rows, batch);
  const { plan, stream } = planLikelihood(decoder, sizes, planning);
  report({ kind: 'plan', program: 'eval', bytes: plan.bytes, trainable: 0, bound: false });
  const machine = await prepare(gpu, plan, scope);
  try {
    report({ kind: 'memory', program: 'eval', planned: plan.bytes.total, allocated: gpu.memory.bytes });
    report({ kind: 'start', phase: 'eval', total: rows.length });
    let silent = 0;
    const skip = (before: number) => {
      while (silent < untargeted.length && untargeted[silent] < before)
        each({ index: untargeted[silent++], logprob: 0, tokens: 0 });
    };
    const scores = await scoreRows(gpu, { machine, stream, sizes }, rows, batch, (score, i) => {
      skip(rows[i].index);
      each({ index: rows[i].index, ...score });
      report({ kind: 'progress', done: i + 1 });
    });
    skip(Number.POSITIVE_INFINITY);
    const found = summary(scores);
    report({ kind: 'eval', step: 0, ...found });
    return found;
  } finally {
    dispose(machine);
  }
}
