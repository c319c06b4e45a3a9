// How a run goes through its rows: batches, steps, and the largest sizes, from the rows' lengths alone.

import { type Batches, batches, largestBatch, stepsOf } from '../data/batches.ts';
import { targetCount } from '../data/load.ts';
import type { Row } from '../data/rows.ts';
import { sizesOf } from '../eval/likelihood.ts';
import type { TuneOptions } from './options.ts';
import type { Sizes } from './plans.ts';

export interface Layout {
  order: Batches;
  steps: number;
  sizes: Sizes;
  /** The largest batch of evaluation during the run. */
  evaluate?: Sizes;
  /** Micro-batches of one epoch. */
  microBatches: number;
}

/** held: rows that are evaluated on during the run. */
export function layOut(rows: Row[], o: TuneOptions, held?: Row[]): Layout {
  const order = batches({ n_rows: rows.length, batch: o.batch, accumulate: o.accumulate, shuffle: o.shuffle, seed: o.seed });
  const steps = stepsOf(order, o);
  const lengths = rows.map((r) => ({ tokens: r.ids.length, targets: targetCount(r) }));
  const most = largestBatch(lengths, order, Math.max(steps, order.steps_per_epoch));
  const sizes = { N: most.tokens, M: most.targets };
  const evaluate = held && sizesOf(held, o.batch);
  return { order, steps, sizes, evaluate, microBatches: Math.ceil(rows.length / o.batch) };
}
