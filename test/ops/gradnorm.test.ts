// The global norm over tensors of unlike size, from underflow to overflow, and the verdict on a step.

import { beforeAll, describe, expect, test } from 'vitest';
import type { Program } from '../../src/gpu/program.ts';
import { gradNorm, newResults, RESULTS } from '../../src/ops/optimizer/gradnorm.ts';
import '../compare.ts';
import { input, runProgram } from '../gpu/harness.ts';
import { gpuWith, type Kernels } from '../gpu/kernels.ts';
import { clipScale, globalNorm } from '../oracle/adamw.ts';
import { noise } from '../oracle/finite.ts';

const f32 = (n: number, seed: number, size = 1) => new Float32Array(noise(n, seed, size));
const betas = [0.9, 0.95] as const;
let kernels: Kernels = 'own';

/** State and results after one verdict; what follows a gradient's last element is NaN (see `input`). */
async function verdict(grads: Float32Array[], { clip = 0, loss = 1, before = [9, 9, 0.1, 0.05] } = {}) {
  const tensors = await Promise.all(grads.map((g, i) => input(`g${i}`, [g.length], g)));
  const [state, results] = [await input('state', [4], before), await input('results', [RESULTS.count], [loss, 9, 9, 9])];
  const build = (p: Program) => {
    gradNorm(p, tensors, state, results, { betas, clip });
    return { state, results };
  };
  const got = await runProgram(build, { gpu: await gpuWith(kernels) });
  const [factor, skipped, c1, c2] = got.state;
  return {
    factor,
    skipped,
    c1,
    c2,
    norm: got.results[RESULTS.norm],
    told: got.results[RESULTS.skipped],
    loss: got.results[RESULTS.lossSum],
  };
}

describe.each(['own', 'tiles'] as const)('gradNorm, kernels: %s', (of) => {
  beforeAll(() => {
    kernels = of;
  });
  // 8192 floats are one partial
  test.each([[[1]], [[3, 5, 2]], [[255, 256, 257]], [[8191, 1]], [[8192, 7]], [[8193, 40000, 6]]])(
    'tensors of %j elements',
    async (sizes) => {
      const grads = sizes.map((n, i) => f32(n, i + 1, 10 ** (i % 3)));
      const got = await verdict(grads);
      expect([got.norm]).toBeAllclose([globalNorm(grads)], { rtol: 1e-6 });
      expect(got).toMatchObject({ factor: 1, skipped: 0, told: 0, loss: 1 });
    },
  );

  test.each([1e-16, 1e-10, 1e9, 1.5e12, 1e18, 1e25, 1e36])('values of %d', async (size) => {
    const grads = [f32(1000, 1, size), f32(3, 2, size / 1e6)];
    const got = await verdict(grads, { clip: 1 });
    const norm = globalNorm(grads);
    expect([got.norm, got.factor]).toBeAllclose([norm, clipScale(norm, 1)], { rtol: 1e-6 });
    expect(got.skipped).toBe(0);
  });

  test.each([
    [0, 1],
    [3, 1],
    [2.5, 0.5],
    [1e-3, 2e-4],
  ])('norm 5, clip %d: PyTorch’s factor', async (clip) => {
    const got = await verdict([new Float32Array([3]), new Float32Array([0, 4])], { clip });
    expect(got.norm).toBe(5);
    expect([got.factor]).toBeAllclose([clipScale(5, clip)], { rtol: 1e-6 });
  });

  test('all zero: norm 0, nothing to clip, not skipped', async () => {
    expect(await verdict([new Float32Array(70)], { clip: 1 })).toMatchObject({ norm: 0, factor: 1, skipped: 0 });
  });

  test('a sound step advances the bias corrections', async () => {
    const { c1, c2 } = await verdict([f32(5, 1)]);
    expect([c1, c2]).toBeAllclose([1 - 0.9 ** 2, 1 - 0.95 ** 2], { rtol: 1e-6 });
  });

  test.each([
    ['NaN in a gradient', [1, Number.NaN], 1],
    ['an infinity in a gradient', [1, Number.POSITIVE_INFINITY], 1],
    ['a NaN loss', [1, 2], Number.NaN],
    ['an infinite loss', [1, 2], Number.POSITIVE_INFINITY],
  ])('%s: skipped, and the count stays', async (_, grad, loss) => {
    const got = await verdict([f32(9, 1), new Float32Array(grad)], { loss, clip: 1 });
    expect(got).toMatchObject({ skipped: 1, told: 1, c1: Math.fround(0.1), c2: Math.fround(0.05) });
  });

  test('results begin as a resident of their own', () => {
    expect(newResults().bytes).toBe(16);
  });
});
