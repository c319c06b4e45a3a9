import { describe, expect, test } from 'vitest';
import { batches, largestBatch, stepsOf } from '../../src/data/batches.ts';
import { ladder, pack } from '../../src/data/pack.ts';
import { below, permutation, random } from '../../src/random.ts';

const row = (ids: number[], labels: number[]) => ({
  ids: Int32Array.from(ids),
  labels: Int32Array.from(labels),
  promptLength: 0,
});
const plainly = (value: object) =>
  Object.fromEntries(Object.entries(value).map(([k, v]) => [k, typeof v === 'number' ? v : [...v]]));

const two = [row([5, 6, 7], [-100, -100, 7]), row([8, 9], [8, 9])];

describe('pack', () => {
  test('rows end to end; a target is predicted one place earlier, never the first token of a row', () => {
    expect(plainly(pack(two))).toEqual({
      n: 5,
      m: 2,
      ids: [5, 6, 7, 8, 9],
      positions: [0, 1, 2, 0, 1],
      lo: [0, 0, 0, 3, 3],
      hi: [2, 2, 2, 4, 4],
      row: [0, 0, 0, 1, 1],
      targetIndex: [1, 3],
      targetId: [7, 9],
      targetRow: [0, 1],
    });
  });
  test('labels may differ from the ids', () => {
    expect(pack([row([1, 2], [-100, 7])]).targetId).toEqual(new Uint32Array([7]));
  });
});

describe('ladder', () => {
  test.each([
    [0, 16],
    [1, 16],
    [16, 16],
    [17, 20],
    [20, 20],
    [21, 24],
    [29, 32],
    [33, 40],
    [512, 512],
    [513, 640],
    [641, 768],
    [897, 1024],
  ])('%i goes on rung %i', (n, rung) => {
    expect(ladder(n)).toBe(rung);
  });
  test('no rung above the largest', () => {
    expect([ladder(513, 600), ladder(600, 600), ladder(5, 10)]).toEqual([600, 600, 10]);
    expect(() => ladder(601, 600)).toThrow('at most 600, got 601');
  });
  test('rungs waste at most a fifth', () => {
    for (let n = 16; n < 5000; n++) expect(ladder(n) / n).toBeLessThan(1.25);
  });
});

describe('batches', () => {
  const order = (more: object) => batches({ n_rows: 11, batch: 4, accumulate: 1, shuffle: false, seed: 0, ...more });

  test("file order: an epoch's last step is short, the next starts anew", () => {
    const { step, steps_per_epoch } = order({});
    expect(steps_per_epoch).toBe(3);
    expect([step(0), step(2), step(3)]).toEqual([[[0, 1, 2, 3]], [[8, 9, 10]], [[0, 1, 2, 3]]]);
  });
  test('accumulation cuts a step into micro-batches', () => {
    const { step, steps_per_epoch } = order({ batch: 2, accumulate: 3 });
    expect(steps_per_epoch).toBe(2);
    expect(step(0)).toEqual([
      [0, 1],
      [2, 3],
      [4, 5],
    ]);
    expect(step(1)).toEqual([[6, 7], [8, 9], [10]]);
    expect(order({ n_rows: 8, batch: 2, accumulate: 3 }).step(1)).toEqual([[6, 7]]);
  });
  test('shuffled: every row once an epoch, another order in the next, the same for the same seed', () => {
    const epoch = (seed: number, e: number) =>
      [0, 1, 2].flatMap((t) =>
        order({ shuffle: true, seed })
          .step(3 * e + t)
          .flat(),
      );
    expect([...epoch(1, 0)].sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(epoch(1, 0)).not.toEqual(epoch(1, 1));
    expect(epoch(1, 0)).not.toEqual(epoch(2, 0));
    expect(epoch(1, 1)).toEqual(epoch(1, 1));
  });
  test('any step may be asked for, in any order', () => {
    const [a, b] = [order({ shuffle: true }), order({ shuffle: true })];
    const late = a.step(7);
    for (let t = 0; t < 7; t++) b.step(t);
    expect(b.step(7)).toEqual(late);
  });
  test.each([
    [{ steps: 5 }, 5],
    [{ epochs: 2 }, 6],
    [{ epochs: 0.5 }, 2],
    [{ epochs: 1 / 3 }, 1],
    [{ epochs: 0.001 }, 1],
    [{}, 3],
  ])('%o is %i steps of 3 an epoch', (asked, steps) => {
    expect(stepsOf(order({}), asked)).toBe(steps);
  });
  test('the largest micro-batch of a run', () => {
    const sizes = [9, 1, 1, 1, 7, 8].map((tokens) => ({ tokens, targets: 10 - tokens }));
    const plan = batches({ n_rows: 6, batch: 2, accumulate: 1, shuffle: false, seed: 0 });
    expect(largestBatch(sizes, plan, 3)).toEqual({ tokens: 15, targets: 18 });
    expect(largestBatch(sizes, plan, 1)).toEqual({ tokens: 10, targets: 10 });
  });
  test('the largest micro-batch of a run without end is found at once: in so many orders the largest rows meet', () => {
    const sizes = [9, 1, 1, 1, 7, 8].map((tokens) => ({ tokens, targets: 10 - tokens }));
    const plan = batches({ n_rows: 6, batch: 2, accumulate: 1, shuffle: true, seed: 0 });
    expect(largestBatch(sizes, plan, 1e12)).toEqual(largestBatch(sizes, plan, 1000));
  });
  test('no rows are an error', () => {
    expect(() => order({ n_rows: 0 })).toThrow('at least one row');
  });
});

describe('random numbers', () => {
  // sfc32 of PractRand, seeded (1, 2, 3), counter 1, after 15 rounds: worked out apart in Python's integers
  test('sfc32', () => {
    const next = random(1, 2, 3);
    expect([next(), next(), next()]).toEqual(SFC32);
  });
  test('below is uniform and in range', () => {
    const next = random(7);
    const seen = new Array(6).fill(0);
    for (let i = 0; i < 6000; i++) seen[below(6, next)]++;
    for (const n of seen) expect(Math.abs(n - 1000)).toBeLessThan(150);
  });
  test('a permutation holds everything once', () => {
    expect([...permutation(100, random(3))].sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i));
    expect([...permutation(1, random(3))]).toEqual([0]);
  });
});

const SFC32 = [3987121759, 92551270, 1122162139];
