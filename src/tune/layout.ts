// How a run goes through its rows: batches, steps, and the largest sizes, from the rows' lengths alone.

import { type Batches, batches, largestBatch, stepsOf } from '../data/batches.ts';
import { targetsOf } from '../data/load.ts';
import type { Row } from '../data/rows.ts';
import type { TuneOptions } from './options.ts';
import type { Sizes } from './plans.ts';

export interface Layout {
  order: Batches;
  steps: number;
  sizes: Sizes;
  /** Micro-batches of one epoch. */
  microBatches: number;
}

export function layOut(rows: Row[], o: TuneOptions): Layout {
  const order = batches({ n_rows: rows.length, batch: o.batch, accumulate: o.accumulate, shuffle: o.shuffle, seed: o.seed });
  const steps = stepsOf(order, o);
  const lengths = rows.map((r) => ({ tokens: r.ids.length, targets: targetsOf(r) }));
  const most = largestBatch(lengths, order, Math.max(steps, order.steps_per_epoch));
  return { order, steps, sizes: { N: most.tokens, M: most.targets }, microBatches: Math.ceil(rows.length / o.batch) };
}
