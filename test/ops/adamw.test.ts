// AdamW against f64 over ten steps: clipping, a skipped step, decay on a weight and on base + difference, the moments.

import { describe, expect, test } from 'vitest';
import { allocate } from '../../src/gpu/scope.ts';
import { write } from '../../src/gpu/tensor.ts';
import { adamw } from '../../src/ops/optimizer/adamw.ts';
import { gradNorm, newOptimizerState, newResults } from '../../src/ops/optimizer/gradnorm.ts';
import type { Trained } from '../../src/ops/optimizer/trained.ts';
import { SCALARS } from '../../src/ops/stream/stream.ts';
import '../compare.ts';
import { input, runProgram, testGpu } from '../gpu/harness.ts';
import * as oracle from '../oracle/adamw.ts';
import { noise } from '../oracle/finite.ts';

const f32 = (n: number, seed: number, size = 1) => new Float32Array(noise(n, seed, size));

interface Options {
  betas: [number, number];
  clip: number;
  weightDecay: number;
  /** Learning rate of each step. */
  rates: number[];
  /** Steps (from 0) whose gradient holds a NaN. */
  bad?: number[];
}

/** A tensor that decays, a vector that does not, and a difference that decays with its base: on the GPU and in f64. */
async function compare(sizes: [number, number, number], o: Options) {
  const { memory, scope } = await testGpu();
  const eps = 1e-8;
  const [state, results, scalars] = [newOptimizerState(), newResults(), await input('scalars', [SCALARS.count], [])];
  for (const t of [results, state]) allocate(scope, t.home!);
  write(memory, results, new Float32Array([1, 0, 0, 0]));
  write(memory, state, new Float32Array(4));
  const make = async (name: string, n: number, seed: number, decay: boolean, based: boolean) => {
    const start = based ? new Float32Array(n) : f32(n, seed);
    const base = f32(n, seed + 50);
    const trained: Trained = {
      name,
      value: await input(name, [n], start),
      grad: await input(`${name}.grad`, [n], []),
      m: await input(`${name}.m`, [n], new Float32Array(n)),
      v: await input(`${name}.v`, [n], new Float32Array(n)),
      parts: [],
      count: n,
      decay,
      ...(based && { base: await input(`${name}.base`, [n], base) }),
    };
    const reference = { param: Float64Array.from(start), m: new Float64Array(n), v: new Float64Array(n), base };
    return { trained, reference, n };
  };
  const all = [
    await make('weight', sizes[0], 1, true, false),
    await make('norm', sizes[1], 2, false, false),
    await make('blocks', sizes[2], 3, true, true),
  ];
  let t = 0;
  for (let step = 0; step < o.rates.length; step++) {
    const lr = o.rates[step];
    const grads = all.map(({ n }, i) => f32(n, 100 + 10 * step + i, 0.5 + i));
    const bad = o.bad?.includes(step);
    if (bad) grads[1][0] = Number.NaN;
    all.forEach(({ trained }, i) => {
      write(memory, trained.grad, grads[i]);
    });
    write(memory, scalars, new Float32Array([0, lr]));
    const list = all.map((a) => a.trained);
    await runProgram((p) => {
      gradNorm(
        p,
        list.map((x) => x.grad),
        state,
        results,
        { betas: o.betas, clip: o.clip },
      );
      adamw(p, list, state, scalars, { betas: o.betas, eps, weightDecay: o.weightDecay });
      return { state };
    });
    if (bad) continue;
    t++;
    const scale = oracle.clipScale(oracle.globalNorm(grads), o.clip);
    all.forEach(({ trained, reference: r }, i) => {
      const settings = { lr, betas: o.betas, eps, weight_decay: trained.decay ? o.weightDecay : 0 };
      const decayed = trained.base ? r.param.map((d, k) => d + r.base[k]) : r.param;
      oracle.adamw(r.param, grads[i], r.m, r.v, t, settings, scale, decayed);
    });
  }
  for (const { trained, reference: r } of all) {
    const got = await runProgram(() => ({ value: trained.value, m: trained.m, v: trained.v! }));
    expect(got.value).toBeCloseL2(r.param, 1e-6);
    expect(got.m).toBeCloseL2(r.m, 1e-6);
    expect(got.v).toBeCloseL2(r.v, 1e-6);
  }
}

const ten = (lr: number) => Array.from({ length: 10 }, (_, i) => (lr * (10 - i)) / 10);

describe('adamw', () => {
  test.each([
    ['SMT’s betas', { betas: [0.9, 0.95], clip: 1, weightDecay: 0, rates: ten(1e-2) }],
    ['the others’ betas, no clipping', { betas: [0.9, 0.999], clip: 0, weightDecay: 0, rates: ten(1e-3) }],
    ['decay', { betas: [0.9, 0.95], clip: 1, weightDecay: 0.1, rates: ten(0.1) }],
    [
      'two skipped steps, the first among them',
      { betas: [0.9, 0.999], clip: 1, weightDecay: 0.1, rates: ten(1e-2), bad: [0, 4] },
    ],
  ] as [string, Options][])('ten steps: %s', (_, o) => compare([300, 7, 64], o));

  test.each([
    [1, 1, 1],
    [255, 256, 257],
    [3, 64, 65],
  ])('sizes %i, %i, %i', (...sizes) => compare(sizes, { betas: [0.9, 0.95], clip: 1, weightDecay: 0.01, rates: [1e-2, 1e-2] }));

  test('a skipped step leaves every bit', async () => {
    const n = 9;
    const names = ['value', 'm', 'v'] as const;
    const before = names.map((_, i) => f32(n, i + 1).map(Math.abs));
    const [value, m, v] = await Promise.all(before.map((b, i) => input(names[i], [n], b)));
    const grad = await input('grad', [n], new Float32Array(n).fill(Number.POSITIVE_INFINITY));
    const [state, results] = [await input('state', [4], [1, 0, 0.1, 0.1]), await input('results', [4], [1])];
    const scalars = await input('scalars', [8], [0, 0.1]);
    const got = await runProgram((p) => {
      gradNorm(p, [grad], state, results, { betas: [0.9, 0.95], clip: 1 });
      adamw(p, [{ name: 'x', value, grad, m, v, parts: [value], count: n, decay: true }], state, scalars, {
        betas: [0.9, 0.95],
        eps: 1e-8,
        weightDecay: 0.1,
      });
      return { value, m, v };
    });
    expect(names.map((k) => got[k])).toEqual(before);
  });
});
