// Intervals and the paired test against scipy's figures (make_statistics.py).
import { expect, test } from 'vitest';
import { mcnemar, meanOf, wilson } from '../../src/eval/statistics.ts';
import given from './statistics.json' with { type: 'json' };

test.each(given.wilson)('Wilson: $right of $rows', ({ right, rows, low, high }) => {
  const found = wilson(right, rows);
  expect(found.accuracy).toBe(right / rows);
  expect(found.low).toBeCloseTo(low, 12);
  expect(found.high).toBeCloseTo(high, 12);
});

test.each(given.mcnemar)('McNemar: $b against $c', ({ b, c, p }) => {
  expect(Math.abs(mcnemar(b, c) - p)).toBeLessThan(1e-9 * p + 1e-300);
});

test('the interval of a mean: of one task its own, of equals narrower by the root', () => {
  const one = wilson(60, 100);
  const alone = meanOf([one]);
  expect([alone.accuracy, alone.low, alone.high].map((x) => x.toFixed(12))).toEqual(
    [one.accuracy, one.low, one.high].map((x) => x.toFixed(12)),
  );
  const four = meanOf([one, one, one, one]);
  expect(four.accuracy).toBeCloseTo(0.6, 12);
  expect((four.high - 0.6) / (one.high - 0.6)).toBeCloseTo(0.5, 12);
  expect((0.6 - four.low) / (0.6 - one.low)).toBeCloseTo(0.5, 12);
});

test('the mean counts tasks, not rows', () => expect(meanOf([wilson(1, 1000), wilson(1, 1)]).accuracy).toBeCloseTo(0.5005, 12));
