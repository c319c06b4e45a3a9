// LoRA and DoRA as runs: against PEFT's own curves, and what must hold of accumulation, recomputation, dropout and beginnings.

import { describe, expect, test } from 'vitest';
import { read } from '../../src/gpu/tensor.ts';
import type { Adapter } from '../../src/io/adapter.ts';
import { type PeftAdapter, rankOf } from '../../src/io/adapter-peft.ts';
import { methodOf } from '../../src/methods/index.ts';
import { dora, lora } from '../../src/methods/lora.ts';
import { SMT_DEFAULTS } from '../../src/methods/smt/method.ts';
import { MIX_DEFAULTS } from '../../src/methods/smt-lora.ts';
import { matrixNamed } from '../../src/models/decoder.ts';
import '../compare.ts';
import type { Family } from '../goldens/load.ts';
import muon from '../goldens/muon.json';
import { testGpu } from '../gpu/harness.ts';
import { rowsOf, tinyDecoder } from '../models/tiny.ts';
import { goldenRun, peftGolden, RANKING, run, type Settings } from './running.ts';

const gpu = await testGpu();

// --- PEFT -------------------------------------------------------------------------------------------------------------

describe.each([
  ['llama-bias', 'lora'],
  ['llama-bias', 'dora'],
  ['qwen3', 'rslora'],
  ['qwen3', 'dora'],
] as [Family, string][])('%s %s as PEFT trains it', (family, kind) => {
  test('ten steps and what comes out', async () => {
    const { adapter, golden } = await peftGolden(`${family}-${kind}`);
    const { decoder: fresh, rows, batch } = await goldenRun(family);
    const settings = { ...SMT_DEFAULTS, ...MIX_DEFAULTS, ...RANKING, dropout: adapter.dropout };
    const o = methodOf(adapter).adapters!.from(adapter, settings);
    const start = await run(fresh(), o, rows, 0, { batch, settings: golden.options });
    expect(start.after).toBeCloseL2(golden.start, 1e-5);
    const got = await run(fresh(), o, rows, 10, { batch, settings: golden.options });
    expect(got.loss).toBeCloseL2(golden.loss, 1e-5);
    expect(got.grad_norm).toBeCloseL2(golden.grad_norm, 1e-5);
    expect(got.after).toBeCloseL2(golden.eval, 1e-5);
    const { options, ...curve } = muon.peft[`${family}-${kind}` as keyof typeof muon.peft];
    const orthogonal = await run(fresh(), o, rows, 10, { batch, settings: options as unknown as Settings, muon: 'block' });
    expect(orthogonal.loss).toBeCloseL2(curve.loss, 1e-5);
    expect(orthogonal.grad_norm).toBeCloseL2(curve.grad_norm, 1e-5);
    expect(orthogonal.after).toBeCloseL2(curve.eval, 1e-5);
    expect(orthogonal.allocated).toBe(orthogonal.planned);
  });
});

// matrices of ranks and alphas of their own, some of them beside others of one input
test.each([
  ['llama-bias', 'pattern'],
  ['qwen3', 'dorapattern'],
] as [Family, string][])('%s %s as PEFT trains it, and as it is saved', async (family, kind) => {
  const { adapter, golden } = await peftGolden(`${family}-${kind}`);
  const { decoder: fresh, rows, batch } = await goldenRun(family);
  const o = methodOf(adapter).adapters!.from(adapter, { ...SMT_DEFAULTS, ...MIX_DEFAULTS, ...RANKING, dropout: 0 });
  const start = await run(fresh(), o, rows, 0, { batch, settings: golden.options });
  expect(start.after).toBeCloseL2(golden.start, 1e-5);
  const got = await run(fresh(), o, rows, 10, { batch, settings: golden.options });
  expect(got.loss).toBeCloseL2(golden.loss, 1e-5);
  expect(got.grad_norm).toBeCloseL2(golden.grad_norm, 1e-5);
  expect(got.after).toBeCloseL2(golden.eval, 1e-5);
  expect(got.allocated).toBe(got.planned);
  const own = (a: Adapter) => (a as PeftAdapter).matrices.map(({ name, shape, rank, alpha }) => ({ name, shape, rank, alpha }));
  expect(own(got.adapter)).toEqual(own(adapter));
  expect(new Set(adapter.matrices.map((m) => rankOf(adapter, m))).size).toBeGreaterThan(1);
});

// --- what must hold ---------------------------------------------------------------------------------------------------

const ROWS = rowsOf([9, 14, 5, 11, 7, 16, 8, 6]);

describe.each([
  ['lora', lora],
  ['dora', dora],
])('%s', (_, make) => {
  const o = make(RANKING);

  test('begins as the base, and learns', async () => {
    const base = await run(tinyDecoder(gpu), lora({ ...RANKING, rank: 1, targets: ['v_proj'] }), ROWS, 0);
    const begun = await run(tinyDecoder(gpu), o, ROWS, 0);
    expect(begun.after).toBeCloseL2(base.after, 1e-6);
    const tuned = await run(tinyDecoder(gpu), o, ROWS, 8);
    expect(tuned.loss[7]).toBeLessThan(0.95 * tuned.loss[1]); // the same rows, three passes later
  });

  test('planned bytes are allocated bytes', async () => {
    const { planned, allocated } = await run(tinyDecoder(gpu), o, ROWS, 1);
    expect(allocated).toBe(planned);
  });

  test('accumulation equals the large batch', async () => {
    const whole = await run(tinyDecoder(gpu), o, ROWS, 4, { batch: 4 });
    const parts = await run(tinyDecoder(gpu), o, ROWS, 4, { batch: 1, accumulate: 4 });
    expect(parts.loss).toBeCloseL2(whole.loss, 1e-6);
    expect(parts.grad_norm).toBeCloseL2(whole.grad_norm, 1e-5);
  });

  test.each([0, 0.4])('recomputing layers changes no bit, dropout %d', async (dropout) => {
    const kept = await run(tinyDecoder(gpu), make({ ...RANKING, dropout }), ROWS, 3);
    const again = await run(tinyDecoder(gpu), make({ ...RANKING, dropout }), ROWS, 3, { recompute: true });
    expect(again.loss).toEqual(kept.loss);
    expect(again.grad_norm).toEqual(kept.grad_norm);
  });

  test('dropout: the same seed repeats its bits, another does not, and evaluation drops nothing', async () => {
    const half = { ...RANKING, dropout: 0.5 };
    const [a, b, c] = [
      await run(tinyDecoder(gpu), make(half), ROWS, 3),
      await run(tinyDecoder(gpu), make(half), ROWS, 3),
      await run(tinyDecoder(gpu), make({ ...half, seed: 2 }), ROWS, 3),
    ];
    expect(b).toMatchObject({ loss: a.loss, grad_norm: a.grad_norm, after: a.after });
    expect(c.grad_norm[1]).not.toBe(a.grad_norm[1]);
    const evaluated = await run(tinyDecoder(gpu), make(half), ROWS, 0);
    const plain = await run(tinyDecoder(gpu), o, ROWS, 0);
    expect(evaluated.after).toEqual(plain.after);
  });
});

test('A is uniform within 1 / sqrt(cols), another for every matrix and seed; B is zero', async () => {
  const { adapter } = await run(tinyDecoder(gpu), lora({ ...RANKING, rank: 16 }), ROWS, 0);
  const A = adapter.matrices.map((m) => m.A);
  const bound = 1 / Math.sqrt(adapter.matrices[0].shape[1]);
  expect(Math.max(...A[0].map(Math.abs))).toBeLessThanOrEqual(bound);
  expect(Math.max(...A[0].map(Math.abs))).toBeGreaterThan(0.95 * bound);
  expect(Math.abs(A[0].reduce((s, v) => s + v, 0) / A[0].length)).toBeLessThan(0.1 * bound);
  expect(A[0].reduce((s, v) => s + v * v, 0) / A[0].length / bound ** 2).toBeCloseTo(1 / 3, 1);
  expect(A[1]).not.toEqual(A[0]);
  const other = await run(tinyDecoder(gpu), lora({ ...RANKING, rank: 16, seed: 5 }), ROWS, 0);
  expect(other.adapter.matrices[0].A).not.toEqual(A[0]);
  expect(adapter.matrices).toHaveLength(2 * RANKING.targets.length);
  for (const m of adapter.matrices) expect(m.B.every((v) => v === 0)).toBe(true);
});

test('magnitudes begin at the row norms', async () => {
  const decoder = tinyDecoder(gpu);
  const { adapter } = await run(decoder, dora(RANKING), ROWS, 0);
  const { name, magnitude } = adapter.matrices[0];
  const weight = matrixNamed(decoder, name);
  const W = await read(gpu.memory, weight.windows[0].q);
  const norms = Float64Array.from({ length: weight.rows }, (_, r) =>
    Math.hypot(...W.subarray(r * weight.cols, (r + 1) * weight.cols)),
  );
  expect(magnitude!).toBeAllclose(norms, { rtol: 1e-6 });
});

test('a rank as large as the smaller side is taken; a larger one names the matrix and the cure', () => {
  const decoder = tinyDecoder(gpu); // k_proj is 16 x 32
  const ofRank = (rank: number) => lora({ ...RANKING, targets: ['k_proj'], rank });
  expect(() => ofRank(16).check(decoder)).not.toThrow();
  expect(ofRank(16).attach(decoder, { decays: false, software: true, most: 1 << 27 }).of).toBe(2 * 16 * 32);
  const reason = /at most 16 for model\.layers\.0\.self_attn\.k_proj\.weight \[16, 32\], got `rank` 17\. Use `rank` 16/;
  expect(() => ofRank(17).check(decoder)).toThrow(reason);
  expect(() => ofRank(17).attach(decoder, { decays: false, software: true, most: 1 << 27 })).toThrow(reason); // nobody need have asked before
});
