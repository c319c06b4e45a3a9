// The reference optimizer, against figures that can be checked by hand.
import { describe, expect, test } from 'vitest';
import '../compare.ts';
import { adamw, clipScale, globalNorm, learningRate } from './adamw.ts';

describe('adamw', () => {
  const options = { lr: 0.1, betas: [0.9, 0.99], eps: 0, weight_decay: 0 } as {
    lr: number;
    betas: [number, number];
    eps: number;
    weight_decay: number;
  };
  const zeros = () => [new Float64Array(2), new Float64Array(2)] as const;

  test('the first step is lr against the sign, whatever the gradient and its scale', () => {
    const p = Float64Array.of(1, 1);
    adamw(p, [5, -0.001], ...zeros(), 1, options, 0.5);
    expect(p).toBeAllclose([0.9, 1.1], { rtol: 1e-14 });
  });

  test('decay is decoupled, and acts on the effective weight', () => {
    const [p, d] = [Float64Array.of(2, 2), Float64Array.of(0, 0)];
    const decaying = { ...options, eps: 1, weight_decay: 0.5 };
    adamw(p, [0, 0], ...zeros(), 1, decaying);
    adamw(d, [0, 0], ...zeros(), 1, decaying, 1, [2, 2]);
    expect(p).toBeAllclose([1.9, 1.9], { rtol: 1e-14 });
    expect(d).toBeAllclose([-0.1, -0.1], { rtol: 1e-14 });
  });

  test('moments, their correction and eps over two steps', () => {
    const p = Float64Array.of(1);
    const [m, v] = [new Float64Array(1), new Float64Array(1)];
    adamw(p, [1], m, v, 1, { ...options, eps: 1 });
    adamw(p, [3], m, v, 2, { ...options, eps: 1 });
    expect([m[0], v[0]]).toBeAllclose([0.39, 0.0999], { rtol: 1e-14 });
    const second = 0.39 / 0.19 / (Math.sqrt(0.0999 / 0.0199) + 1);
    expect(p).toBeAllclose([1 - 0.1 * (1 / 2) - 0.1 * second], { rtol: 1e-14 });
  });

  test('global norm and clipping, on both sides', () => {
    expect(globalNorm([[3], [0, 4]])).toBe(5);
    expect(clipScale(5, 1)).toBeCloseTo(1 / 5.000001, 15);
    expect([clipScale(0.5, 1), clipScale(5, 0)]).toEqual([1, 1]);
  });

  test.each([
    ['linear', [0.5, 1, 1, 0.75, 0.5, 0.25]],
    ['cosine', [0.5, 1, 1, (1 + Math.SQRT1_2) / 2, 0.5, (1 - Math.SQRT1_2) / 2]],
    ['constant', [0.5, 1, 1, 1, 1, 1]],
  ] as const)('%s schedule', (schedule, want) => {
    expect(want.map((_, t) => learningRate(t, 6, 1, schedule, 2))).toBeAllclose(want, { rtol: 1e-14 });
  });
});
