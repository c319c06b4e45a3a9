// How a run goes through its rows: batches, steps, and the largest sizes, from the rows' lengths alone.

import { type Batches, batches, largestBatch, stepsOf } from '../data/batches.ts';
import { targetCount } from '../data/load.ts';
import type { Row } from '../data/rows.ts';
import { sizesOf } from '../eval/likelihood.ts';
import type { Sizes } from '../ops/stream/stream.ts';
import type { RunOptions } from './options.ts';

export interface RowOrder {
  batches: Batches;
  /** Optimizer steps of the run. */
  steps: number;
  /** The largest micro-batch of the run. */
  sizes: Sizes;
  /** The largest batch of evaluation during the run. */
  evaluate?: Sizes;
  /** Micro-batches of one epoch. */
  microBatches: number;
}

type Asked = Pick<RunOptions, 'batch' | 'accumulate' | 'shuffle' | 'seed' | 'steps' | 'epochs'>;

/** held: rows that are evaluated on during the run. */
export function orderRows(rows: Row[], o: Asked, held?: Row[]): RowOrder {
  const { batch, accumulate, shuffle, seed } = o;
  const order = batches({ n_rows: rows.length, batch, accumulate, shuffle, seed });
  const steps = stepsOf(order, o);
  const lengths = rows.map((r) => ({ tokens: r.ids.length, targets: targetCount(r) }));
  const most = largestBatch(lengths, order, Math.max(steps, order.steps_per_epoch));
  return {
    batches: order,
    steps,
    sizes: { N: most.tokens, M: most.targets },
    evaluate: held && sizesOf(held, batch),
    microBatches: Math.ceil(rows.length / batch),
  };
}

/**
 * The two halves of so many micro-batches from the head of the data, each in an order of its own over the same sizes. They meet no
 * row twice within an epoch, so what is found alike in both is not the rows' doing.
 */
export function halvesOf(order: RowOrder, microBatches: number): [RowOrder, RowOrder] {
  const half = Math.floor(microBatches / 2);
  const micro: number[][] = [];
  for (let t = 0; micro.length < 2 * half; t++) for (const one of order.batches.step(t)) micro.push(one);
  const from = (start: number): RowOrder => ({
    ...order,
    batches: { ...order.batches, accumulate: 1, step: (t) => [micro[start + (t % half)]] },
    microBatches: half,
  });
  return [from(0), from(half)];
}

/** The longest row, in tokens. */
export const longestOf = (...sets: (readonly Row[] | null | undefined)[]) =>
  sets.reduce((n, rows) => (rows ?? []).reduce((k, r) => Math.max(k, r.ids.length), n), 1);
