import { describe, expect, test } from 'vitest';
import { lrAt, type Schedule, warmupSteps } from '../../src/train/schedule.ts';

const curve = (N: number, peak: number, schedule: Schedule, W: number) =>
  Array.from({ length: N }, (_, t) => lrAt(t, N, peak, schedule, W));

describe('lrAt', () => {
  test('linear: the first step rises, the last is not zero', () => {
    expect(curve(6, 1, 'linear', 2)).toEqual([0.5, 1, 1, 0.75, 0.5, 0.25]);
  });
  test('constant after its rise', () => {
    expect(curve(4, 2, 'constant', 2)).toEqual([1, 2, 2, 2]);
  });
  test('no rise', () => {
    expect(curve(4, 1, 'linear', 0)).toEqual([1, 0.75, 0.5, 0.25]);
  });
  test('cosine is at half its peak midway', () => {
    const [a, b, c, d] = curve(5, 1, 'cosine', 1).slice(1);
    expect([a, c]).toEqual([1, 0.5]);
    expect(b).toBeCloseTo((1 + Math.SQRT1_2) / 2, 12);
    expect(d).toBeCloseTo((1 - Math.SQRT1_2) / 2, 12);
  });
  // golden.json of the conformance models: what lr_at of make.py printed for full_linear and full_cosine
  test.each([
    ['linear', 2, 1e-3, [5e-4, 1e-3, 1e-3, 7.5e-4, 5e-4, 2.5e-4]],
    ['cosine', 3, 2e-3, [6.666666666666666e-4, 1.3333333333333333e-3, 2e-3, 2e-3, 1.5e-3, 5.000000000000001e-4]],
  ] as const)('%s as PyTorch had it', (schedule, W, peak, expected) => {
    curve(6, peak, schedule, W).forEach((lr, t) => void expect(lr).toBeCloseTo(expected[t], 15));
  });
  test('a rise longer than the run never arrives', () => {
    expect(curve(2, 1, 'linear', 4)).toEqual([0.25, 0.5]);
  });
});

test.each([
  [0, 100, 0],
  [0.03, 100, 3],
  [0.03, 101, 4],
  [0.07, 100, 7],
  [0.34, 6, 3],
  [0.001, 10, 1],
  [1, 6, 1],
  [2, 6, 2],
])('--lr-warmup %f of %i steps is %i', (X, N, W) => {
  expect(warmupSteps(X, N)).toBe(W);
});
