// How a run goes through its rows.
import { expect, test } from 'vitest';
import { halvesOf, type RowOrder } from '../../src/train/order.ts';

test('halves of a warm-up read different micro-batches, one at a time', () => {
  const batches = {
    n_rows: 10,
    batch: 1,
    accumulate: 2,
    shuffle: false,
    seed: 0,
    steps_per_epoch: 5,
    step: (t: number) => [[2 * t], [2 * t + 1]],
  };
  const order: RowOrder = { batches, steps: 5, sizes: { N: 1, M: 1 }, microBatches: 10 };
  const halves = halvesOf(order, 7);
  expect(halves.map((half) => [half.microBatches, half.batches.accumulate])).toEqual([
    [3, 1],
    [3, 1],
  ]);
  expect(halves.map((half) => [0, 1, 2].flatMap((t) => half.batches.step(t)))).toEqual([
    [[0], [1], [2]],
    [[3], [4], [5]],
  ]);
  expect(halves[0].batches.step(3)).toEqual([[0]]); // epoch after epoch
});
