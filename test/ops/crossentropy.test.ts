// Cross-entropy and its gradient in place against f64, for whole and ragged vocabularies, chunks, padding and extreme logits.

import { beforeAll, describe, expect, test } from 'vitest';
import { crossEntropy, lossSum } from '../../src/ops/loss/crossentropy.ts';
import { f32Bound } from '../compare.ts';
import { input, runProgram } from '../gpu/harness.ts';
import { gpuWith, type Kernels } from '../gpu/kernels.ts';
import { noise } from '../oracle/finite.ts';
import * as oracle from '../oracle/loss.ts';

const PADDING = 0xffffffff;
const SENTINEL = 12345;
let kernels: Kernels = 'own';
const f32 = (n: number, seed: number, size = 1) => new Float32Array(noise(n, seed, size));

interface Case {
  V: number;
  ld?: number;
  logits: Float32Array;
  ids: number[];
  at?: number;
  M?: number;
  padded?: number[];
  train?: boolean;
  invTargets?: number;
}

/** Runs one chunk; the logprobs of other chunks hold a sentinel. */
async function onGpu({ V, ld = V, logits, ids, at = 0, M = ids.length, padded = [], train = true, invTargets = 1 }: Case) {
  const m = ids.length;
  const targets = Array.from({ length: M }, (_, i) => (i >= at && i < at + m ? ids[i - at] : 0));
  const places = targets.map((_, i) => (padded.includes(i - at) ? PADDING : i));
  const t = {
    logits: await input('logits', [m, ld], logits),
    targetAt: await input('targetAt', [M], places, 'u32'),
    targetId: await input('targetId', [M], targets, 'u32'),
    scalars: await input('scalars', [8], [invTargets]),
    logprob: await input('logprob', [M], new Float32Array(M).fill(SENTINEL)),
  };
  return runProgram(
    (p) => {
      const { logits, ...bind } = t;
      crossEntropy(p, logits, { m, at, V, ld, train, ...bind });
      return { logprob: t.logprob, dlogits: t.logits };
    },
    { gpu: await gpuWith(kernels) },
  );
}

describe.each(['own', 'tiles'] as const)('crossEntropy, kernels: %s', (of) => {
  beforeAll(() => {
    kernels = of;
  });
  // a workgroup is 64 to 256 invocations of 1 or 4 logits, and eight of them share a run
  test.each([1, 2, 3, 4, 63, 64, 65, 252, 256, 260, 511, 4095, 4096, 4097, 4100, 49152])('V = %i', async (V) => {
    const m = V > 5000 ? 2 : 5;
    const logits = f32(m * V, 1, 6);
    const ids = Array.from({ length: m }, (_, i) => [0, V - 1, V >> 1, ((V * 7) % 11) % V, 1 % V][i]);
    const got = await onGpu({ V, logits, ids, invTargets: 0.125 });
    const want = oracle.crossEntropy(logits, ids, V);
    expect(got.logprob).toBeAllclose(want.logprob, { rtol: 1e-6, atol: 1e-6 });
    const d = oracle.crossEntropyBackward(logits, ids, V, 0.125);
    expect(got.dlogits).toBeAllclose(d, { rtol: 4e-6, atol: 1e-8 });
  });

  test('a chunk in the middle: its own logprobs alone, padding counts for nothing, columns beyond V stay', async () => {
    const [V, ld] = [10, 12];
    const logits = f32(4 * ld, 1).map((v, i) => (i % ld < V ? v : SENTINEL));
    const ids = [3, 0, 9, 1];
    const got = await onGpu({ V, ld, logits, ids, at: 2, M: 7, padded: [1, 3] });
    const dense = logits.filter((_, i) => i % ld < V);
    const want = oracle.crossEntropy(dense, ids, V);
    const d = oracle.crossEntropyBackward(dense, ids, V);
    expect(Array.from(got.logprob.filter((_, i) => i < 2 || i > 5))).toEqual([SENTINEL, SENTINEL, SENTINEL]);
    expect([got.logprob[3], got.logprob[5]]).toEqual([0, 0]);
    expect([got.logprob[2], got.logprob[4]]).toBeAllclose([want.logprob[0], want.logprob[2]], { rtol: 1e-6 });
    got.dlogits.forEach((v, i) => {
      const [r, c] = [Math.floor(i / ld), i % ld];
      if (c >= V) expect(v).toBe(SENTINEL);
      else if (r % 2) expect(v).toBe(0);
      else expect(v).toBeCloseTo(d[r * V + c], 6);
    });
  });

  test('without training the logits stay', async () => {
    const logits = f32(3 * 8, 1);
    const got = await onGpu({ V: 8, logits, ids: [1, 2, 3], train: false });
    expect(got.dlogits).toEqual(logits);
    expect(got.logprob).toBeAllclose(oracle.crossEntropy(logits, [1, 2, 3], 8).logprob, { rtol: 1e-6 });
  });

  test.each([
    ['far apart', [1e4, -1e4, 0, 5, 1e4]],
    ['at the ends of f32', [3e38, -3e38, 0, 1, -1]],
  ])('logits %s: finite', async (_, row) => {
    for (const V of [4, 5]) {
      const logits = new Float32Array(row.slice(0, V));
      const got = await onGpu({ V, logits, ids: [2] });
      expect(got.logprob).toBeAllclose(oracle.crossEntropy(logits, [2], V).logprob, { rtol: 1e-6 });
      expect(got.dlogits).toBeAllclose(oracle.crossEntropyBackward(logits, [2], V), { rtol: 1e-6, atol: 1e-30 });
    }
  });

  test.each([0, 1e30, -1e30, 3.4e38, -3.4028234e38])('equal logits %d: -log V', async (v) => {
    const got = await onGpu({ V: 5, logits: new Float32Array(5).fill(v), ids: [4] });
    expect(got.logprob).toBeAllclose([-Math.log(5)], { rtol: 1e-6 });
    expect(got.dlogits).toBeAllclose([0.2, 0.2, 0.2, 0.2, -0.8], { rtol: 1e-6 });
  });

  const spots: [number, string, number][] = [
    [8, 'the target', 2],
    [8, 'another', 7],
    [9, 'another, ragged', 8],
    [300, 'another, of another invocation', 299],
  ];
  const bad = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  test.each(spots.flatMap(([V, place, at]) => bad.map((v) => ({ V, place, at, v }))))(
    '$v at $place logit of $V reaches the loss',
    async ({ V, at, v }) => {
      const logits = f32(V, 1);
      logits[at] = v;
      const { logprob } = await onGpu({ V, logits, ids: [2], train: false });
      expect(Number.isFinite(logprob[0])).toBe(false);
    },
  );
});

describe('lossSum', () => {
  test.each([1, 255, 256, 257, 3000])('M = %i: written first, then added to', async (M) => {
    const logprob = f32(M, 1).map((v) => -Math.abs(v) * 9);
    const [t, results] = [
      await input('logprob', [M + 2], [...logprob, SENTINEL, SENTINEL]),
      await input('results', [4], [Number.NaN, 7, 8, 9]),
    ];
    const want = -logprob.reduce((a, b) => a + b, 0);
    const first = await runProgram((p) => {
      lossSum(p, t, M, results);
      return { results };
    });
    expect([first.results[0]]).toBeWithin([want], f32Bound([want], 'tree'));
    expect(Array.from(first.results.slice(1))).toEqual([7, 8, 9]);
    const second = await runProgram(
      (p) => {
        lossSum(p, t, M, results);
        return { results };
      },
      { accumulate: 1 },
    );
    expect(second.results[0]).toBe(first.results[0] * 2);
  });
});
