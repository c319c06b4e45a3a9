/**
 * Which rows a step sees: an epoch's order, cut into steps and micro-batches. Any step can be asked for by its number
 * alone, so a run is resumed from a number. Laying the rows end to end is pack.ts.
 */
import { permutation, random } from '../random.ts';

export interface BatchOptions {
  /** Rows of the data. */
  n_rows: number;
  /** Rows a micro-batch. */
  batch: number;
  /** Micro-batches a step; a step never crosses an epoch's end. */
  accumulate: number;
  shuffle: boolean;
  seed: number;
}

export interface Batches extends BatchOptions {
  steps_per_epoch: number;
  /** Micro-batches of rows' places for step t from 0; [accumulate or fewer][batch or fewer]. */
  step(t: number): number[][];
}

/** The steps of a run without end: epoch e holds steps e * steps_per_epoch and on, in an order of its own. */
export function batches(options: BatchOptions): Batches {
  const { n_rows, batch, accumulate, shuffle, seed } = options;
  if (n_rows < 1) throw new Error('expected at least one row to train on, got none; give data with a token to learn');
  const rows_a_step = batch * accumulate;
  const steps_per_epoch = Math.ceil(n_rows / rows_a_step);
  let drawn: { epoch: number; order: Uint32Array } | undefined;
  const place = (epoch: number, i: number) => {
    if (!shuffle) return i;
    if (drawn?.epoch !== epoch) drawn = { epoch, order: permutation(n_rows, random(seed, epoch)) };
    return drawn.order[i];
  };
  return {
    ...options,
    steps_per_epoch,
    step(t) {
      const epoch = Math.floor(t / steps_per_epoch);
      const first = (t % steps_per_epoch) * rows_a_step;
      const micro: number[][] = [];
      for (let i = first; i < Math.min(first + rows_a_step, n_rows); i += batch)
        micro.push(Array.from({ length: Math.min(batch, n_rows - i, first + rows_a_step - i) }, (_, k) => place(epoch, i + k)));
      return micro;
    },
  };
}

/** Optimizer steps of a run: as given, or epochs times the steps of one, rounded up; one epoch where neither is given. */
export function stepsOf({ steps_per_epoch }: Batches, asked: { steps?: number; epochs?: number }): number {
  return asked.steps ?? Math.max(1, Math.ceil((asked.epochs ?? 1) * steps_per_epoch - 1e-9));
}

/** Steps that are looked through one by one, which takes seconds. */
const LOOKED_THROUGH = 1_000_000;

/** Largest number of tokens and of targets in any micro-batch of steps 0..steps-1, from the rows' sizes alone; of a longer run a bound. */
export function largestBatch(
  sizes: { tokens: number; targets: number }[],
  order: Batches,
  steps: number,
): { tokens: number; targets: number } {
  const most = { tokens: 0, targets: 0 };
  const seen = order.shuffle ? steps : Math.min(steps, order.steps_per_epoch);
  if (seen > LOOKED_THROUGH) return largestRows(sizes, order.batch); // in so many orders they may well meet
  for (let t = 0; t < seen; t++)
    for (const rows of order.step(t)) {
      let [tokens, targets] = [0, 0];
      for (const row of rows) [tokens, targets] = [tokens + sizes[row].tokens, targets + sizes[row].targets];
      [most.tokens, most.targets] = [Math.max(most.tokens, tokens), Math.max(most.targets, targets)];
    }
  return most;
}

/** Tokens and targets of the rows that have the most of them, as many as a micro-batch holds. */
function largestRows(sizes: { tokens: number; targets: number }[], batch: number): { tokens: number; targets: number } {
  const most = (of: 'tokens' | 'targets') =>
    sizes
      .map((row) => row[of])
      .sort((a, b) => b - a)
      .slice(0, batch)
      .reduce((a, b) => a + b, 0);
  return { tokens: most('tokens'), targets: most('targets') };
}
