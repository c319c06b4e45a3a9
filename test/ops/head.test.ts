// The head over targets: in chunks of rows, and in panels of the vocabulary with its log-sum-exp online. Both against f64, and each other.

import { describe, expect, test } from 'vitest';
import { planningOf } from '../../src/gpu/limits.ts';
import { backward, gradOf, type Program, temp, trace } from '../../src/gpu/program.ts';
import { allocate } from '../../src/gpu/scope.ts';
import { resident, write } from '../../src/gpu/tensor.ts';
import { DESKTOP } from '../../src/index.ts';
import { headLoss } from '../../src/ops/loss/head.ts';
import { headPanels, panelsOf } from '../../src/ops/loss/head-panels.ts';
import { dense } from '../../src/ops/matmul/linear.ts';
import { newVector, newWeight } from '../../src/ops/stored/weight.ts';
import { newStream } from '../../src/ops/stream/stream.ts';
import { f32Bound } from '../compare.ts';
import { input, runProgram, testGpu } from '../gpu/harness.ts';
import { gpuWith } from '../gpu/kernels.ts';
import { noise } from '../oracle/finite.ts';
import * as oracle from '../oracle/loss.ts';
import { abs, matmulNN, matmulNT } from '../oracle/matmul.ts';
import { storedWeight } from './stored.ts';

const PADDING = 0xffffffff;
const f32 = (n: number, seed: number, size = 1) => new Float32Array(noise(n, seed, size));
const gpu = await gpuWith('tiles');

/** A stream whose targets are predicted by the rows in order, but for padding. */
async function streamOf(N: number, ids: number[], padded: number[], invTargets: number) {
  const { memory, scope } = await testGpu();
  const s = newStream(N, ids.length);
  for (const t of [s.targetAt, s.targetId, s.scalars]) allocate(scope, t.home!);
  write(
    memory,
    s.targetAt,
    Uint32Array.from(ids, (_, i) => (padded.includes(i) ? PADDING : i)),
  );
  write(memory, s.targetId, Uint32Array.from(ids));
  write(
    memory,
    s.scalars,
    Float32Array.from({ length: s.scalars.bytes / 4 }, (_, i) => (i ? 0 : invTargets)),
  );
  return s;
}

describe('panels of the vocabulary', () => {
  // bytes: room for so many tokens of the vocabulary in a panel, in multiples of 64; windows of fit rows
  const cases = [
    { format: 'f32', M: 9, V: 64, D: 16, tokens: 64, fit: 64, size: 1 },
    { format: 'bf16', M: 37, V: 1000, D: 32, tokens: 127, fit: 1000, size: 1 },
    { format: 'bf16', M: 70, V: 260, D: 68, tokens: 64, fit: 128, size: 6 },
    { format: 'q8_0', M: 33, V: 772, D: 64, tokens: 300, fit: 772, size: 3 },
    { format: 'q4_k', M: 17, V: 132, D: 256, tokens: 70, fit: 132, size: 1 },
  ] as const;

  test.each(cases)('$format [$V, $D], $M targets, $tokens tokens at a time', async ({ format, M, V, D, tokens, fit, size }) => {
    const perWindow = (await storedWeight(format, fit, D)).weight.windows[0].q.bytes;
    const { weight, values } = await storedWeight(format, V, D, perWindow);
    const X = f32(M * D, 1, size);
    const ids = Array.from({ length: M }, (_, i) => [0, V - 1, 63, 64 % V][i] ?? (i * 7919) % V);
    const padded = [2, M - 1];
    const stream = await streamOf(M, ids, padded, 0.125);
    const x = await input('x', [M, D], X);
    const out = (await runProgram(
      (p) => {
        const panels = panelsOf(p, x, weight, M, 4 * M * tokens)!;
        expect(panels.length).toBeGreaterThan(V > 64 ? 1 : 0);
        expect(panels.slice(0, -1).every(({ r0, r1 }) => (r1 - r0) % 64 === 0 || r1 % fit === 0)).toBe(true);
        const [logprob, alone, dx] = [temp(p, 'logprob', [M]), temp(p, 'alone', [M]), temp(p, 'dx', [M, D])];
        headPanels(p, x, weight, panels, stream, logprob, dx);
        headPanels(p, x, weight, panels, stream, alone, null);
        return { logprob, alone, dx };
      },
      { gpu },
    )) as Record<'logprob' | 'alone' | 'dx', Float32Array>;
    const logits = matmulNT(X, values, M, V, D);
    const real = (v: number, i: number) => (padded.includes(i) ? 0 : v);
    const want = oracle.crossEntropy(logits, ids, V).logprob.map(real);
    // a logit is off by its sum's rounding, and so is what is made of it
    const off = matmulNT(abs(X), abs(values), M, V, D).reduce((a, b) => Math.max(a, b), 0) * 2 * Math.sqrt(D) * 2 ** -24;
    expect(out.logprob).toBeAllclose(want, { rtol: 1e-6, atol: 2 * off + 1e-6 });
    expect(out.alone).toBeAllclose(want, { rtol: 1e-6, atol: 2 * off + 1e-6 });
    const dlogits = oracle.crossEntropyBackward(logits, ids, V, 0.125).map((v, i) => real(v, Math.floor(i / V)));
    const terms = matmulNN(
      dlogits.map((v) => Math.abs(v) + 0.125 * 2 ** -20),
      abs(values),
      M,
      D,
      V,
    );
    // exp(l) is off by what its logit is off
    expect(out.dx).toBeWithin(
      matmulNN(dlogits, values, M, D, V),
      f32Bound(terms, { serial: V }).map((bound, i) => bound + (4 * off + 2 ** -20) * terms[i]),
    );
  });

  test('a logit that is no number reaches the loss, whichever panel it is in', async () => {
    const [M, V, D] = [9, 192, 16];
    for (const bad of [5, 100, 190]) {
      const { weight, values } = await storedWeight('f32', V, D);
      const W = values.slice();
      W[bad * D] = Number.NaN;
      write(gpu.memory, weight.windows[0].q, W);
      const x = await input('x', [M, D], f32(M * D, 1));
      const stream = await streamOf(M, new Array(M).fill(7), [], 1);
      const { logprob } = (await runProgram(
        (p) => {
          const logprob = temp(p, 'logprob', [M]);
          headPanels(p, x, weight, panelsOf(p, x, weight, M, 4 * M * 64)!, stream, logprob, null);
          return { logprob };
        },
        { gpu },
      )) as Record<'logprob', Float32Array>;
      expect(logprob.every((v) => !Number.isFinite(v))).toBe(true);
    }
  });

  test('in panels and in chunks: the same loss, log-probabilities and gradient', async () => {
    const [N, M, V, D] = [80, 75, 516, 64];
    const { weight } = await storedWeight('bf16', V, D);
    const stream = await streamOf(
      N,
      Array.from({ length: M }, (_, i) => (i * 31) % V),
      [3],
      1 / M,
    );
    const h = await input('h', [N, D], f32(N * D, 2));
    const norm = { name: 'n', value: await input('n', [D], f32(D, 3)), grad: null };
    const results = resident('results', [4], 'other');
    const kernelsIn: string[][] = [];
    const go = async (of: 'without subgroups' | 'tiles') => {
      // room for a binding of 64 KiB, and so for no more logits: the head's window is no larger
      const small = await gpuWith(of, { maxBinding: 1 << 16 });
      return runProgram(
        (p: Program) => {
          p.needs.add(h);
          const logprob = temp(p, 'logprob', [M]);
          headLoss(p, h, norm, weight, stream, { eps: 1e-5, weights: 0, train: true, loss: results, logprob });
          backward(p);
          kernelsIn.push(p.entries.map((e) => (e.op === 'run' ? e.kernel.name.split(' ')[0] : e.op)));
          return { results, logprob, dh: gradOf(p, h)! };
        },
        { gpu: small, dims: { N, M } },
      );
    };
    const [chunks, panels] = [await go('without subgroups'), await go('tiles')];
    expect([kernelsIn.flat().includes('crossentropy'), kernelsIn.flat().includes('head_panel')]).toEqual([true, true]);
    expect(panels.results[0]).toBeCloseTo(chunks.results[0], 3);
    expect(panels.logprob).toBeAllclose(chunks.logprob, { rtol: 1e-5, atol: 1e-5 });
    expect(panels.dh).toBeCloseL2(chunks.dh, 1e-5);
  });
});

describe('on a GPU', () => {
  /** Reads of the head's weight, and the shapes of logits, in a step over M targets. */
  function visits(M: number, V: number, D: number, weights: number, trains: boolean) {
    const head = newWeight('head', V, D, 'bf16', DESKTOP.maxBinding);
    if (trains) Object.assign(head, { ...newWeight('head', V, D, 'f32', DESKTOP.maxBinding) });
    if (trains) head.trains = dense([resident('grad', [V, D], 'gradients')]);
    const h = resident('h', [M, D], 'other');
    const p = trace(
      'p',
      (p) => {
        p.needs.add(h);
        const o = { eps: 1e-5, weights, train: true, loss: resident('r', [4], 'other') };
        headLoss(p, h, newVector('n', D), head, newStream(M, M), o);
        backward(p);
      },
      { N: M, M },
      planningOf(DESKTOP),
    );
    const products = p.entries.filter(
      (e) => e.op === 'run' && /^gemm_tile/.test(e.kernel.name) && e.bind.includes(head.windows[0].q),
    );
    return {
      products: products.length,
      logits: [...new Set(p.temps.filter((t) => t.role === 'logits').map((t) => t.shape.join()))],
    };
  }
  const [V, D] = [128256, 2048];

  test.each([
    ['all at once, where they have an eighth of the weights', 511, 2.47e9, false, 2, ['511,128256']],
    ['in panels, each of them read twice', 2044, 2.47e9, false, 8, ['2044,32064']],
    ['in chunks of 64 rows and more where the head trains', 2044, 2.47e9, true, 8, ['512,128256']],
  ] as const)('logits are made %s', (_, M, weights, trains, products, logits) => {
    expect(visits(M, V, D, weights, trains)).toEqual({ products, logits });
  });
});
