// Blocks and factors on one model: against PyTorch's curves and merged logits, gradients against f64, how a budget is shared out, and
// what must hold of any method. Adapters of it are test/io's and test/train's.

import { afterAll, describe, expect, test } from 'vitest';
import { allocate, free, newScope } from '../../src/gpu/scope.ts';
import { read, write } from '../../src/gpu/tensor.ts';
import type { MixedAdapter, SmtAdapter } from '../../src/io/adapter.ts';
import { rowChanges } from '../../src/io/adapter-merge.ts';
import { scaleOf } from '../../src/io/adapter-peft.ts';
import { methodNamed } from '../../src/methods/index.ts';
import { lora } from '../../src/methods/lora.ts';
import { trainableOf } from '../../src/methods/method.ts';
import { type MixSettings, SMT_LORA, smtLora } from '../../src/methods/smt-lora.ts';
import type { Decoder } from '../../src/models/decoder.ts';
import '../compare.ts';
import { inF64 } from '../goldens/load.ts';
import goldens from '../goldens/mix.json';
import { testGpu } from '../gpu/harness.ts';
import { gpuWith, KERNELS } from '../gpu/kernels.ts';
import { baseIn, oneStep, rowsOf, tinyDecoder } from '../models/tiny.ts';
import { takeBlocks } from '../oracle/blocks.ts';
import { noise } from '../oracle/finite.ts';
import { forward, lossAndGradients, pack, type Weights } from '../oracle/model.ts';
import { goldenRun, PLAIN, peftGolden, run, type Settings } from './running.ts';

const gpu = await testGpu();
const TRAINING = { decays: false, muon: 'strip', software: true, most: 1 << 27 } as const;

type Places = [name: string, row: number, col: number][];

/** An adapter's blocks of these places: zeros, or noise of a size. */
function blocksAt(places: Places, block: number, shapes: Map<string, number[]>, size = 0): SmtAdapter {
  const names = [...new Set(places.map(([name]) => name))];
  const matrices = names.map((name, i) => {
    const own = places.filter(([other]) => other === name);
    const count = own.length * block * block;
    const blocks = Float32Array.from(size ? noise(count, 50 + i, size) : { length: count }, (x) => x ?? 0);
    return { name, index: Int32Array.from(own.flatMap(([, row, col]) => [row, col])), blocks };
  });
  const all = Object.fromEntries([...shapes].filter(([, { length }]) => length === 2)) as SmtAdapter['base']['shapes'];
  const said = { targets: [], score: 'absmean', budget: '1b', seed: 0, version: '0' };
  return { method: 'smt', block, ...said, base: { shapes: all, sha256: {} }, matrices };
}

type Case = 'llama-bias' | 'qwen3';
const KINDS = { 'llama-bias': ['lora', 'smt8_all'], qwen3: ['rslora', 'smt16_qkv'] } as const;

/** The adapter that a golden begins with: PEFT's factors, and blocks of a curve. */
async function begun(family: Case, size?: number) {
  const [kind, curve] = KINDS[family];
  const golden = await goldenRun(family);
  const { block, blocks: places } = golden.curves[curve];
  const shapes = new Map([...golden.weights].map(([name, { shape }]) => [name, shape]));
  const blocks = blocksAt(places!, block!, shapes, size);
  const { adapter: factors } = await peftGolden(`${family}-${kind}`);
  const adapter: MixedAdapter = { method: 'smt+lora', share: 0.5, blocks, factors };
  return { ...golden, adapter, block: block! };
}

/** The model's weights with an adapter added, in f64. */
function mergedWeights(weights: Parameters<typeof inF64>[0], adapter: MixedAdapter): Weights {
  const changes = rowChanges(adapter);
  const merged = new Map([...weights].map(([name, { shape, data }]) => [name, { shape, data: Float32Array.from(data) }]));
  for (const [name, change] of changes) {
    const { shape, data } = merged.get(name)!;
    for (let r = 0; r < shape[0]; r++) change(data.subarray(r * shape[1], (r + 1) * shape[1]), r);
  }
  return inF64(merged);
}

describe.each(['llama-bias', 'qwen3'] as const)('%s as PyTorch trains blocks and factors together', (family) => {
  test('ten steps, the rows after them, and the logits of the merged model', async () => {
    const { options, loss, grad_norm, eval: after, logits } = goldens[family];
    const { decoder, rows, raw, batch, adapter, weights, config } = await begun(family);
    const settings = { ...options, loraLr: options.lora_lr ?? undefined } as unknown as Settings & Partial<MixSettings>;
    const method = SMT_LORA.adapters!.from(adapter, { loraLr: settings.loraLr });
    const muon = options.optimizer === 'muon' ? ('strip' as const) : undefined;
    const got = await run<MixedAdapter>(decoder(), method, rows, 10, { batch, settings, muon });
    expect(got.loss).toBeCloseL2(loss, 1e-5);
    expect(got.grad_norm).toBeCloseL2(grad_norm, 1e-5);
    expect(got.after).toBeCloseL2(after, 1e-5);
    expect(got.allocated).toBe(got.planned);
    expect(forward(config, mergedWeights(weights, got.adapter), pack(raw.slice(0, 1))).logits).toBeCloseL2(logits, 1e-5);
  });
});

describe.each(KERNELS)('with the kernels "%s"', (kernels) => {
  const scope = newScope(gpu.scope);
  afterAll(() => free(scope));

  test.each(['llama-bias', 'qwen3'] as const)('gradients of %s are those of f64', async (family) => {
    const device = await gpuWith(kernels);
    const { adapter, weights, config, rows, raw, block, decoder } = await begun(family, 0.02);
    const d = decoder(device);
    const attached = SMT_LORA.adapters!.from(adapter).attach(d, { ...TRAINING, software: device.limits.software });
    for (const t of attached.tensors) if (!t.home!.buffer) allocate(scope, t.home!);
    await attached.fill(baseIn(device, d));
    const step = await oneStep(device, d, rows.slice(0, 4), false, false);
    // gradients lie as the values do, so that what the method becomes of them names them
    for (const { value, grad } of attached.trained) write(device.memory, value, await read(device.memory, grad));
    const got = (await attached.adapter({ ...baseIn(device, d), sha256: async () => '' }, false)) as MixedAdapter;
    step.free();
    const { loss, grads } = lossAndGradients(config, mergedWeights(weights, adapter), pack(raw.slice(0, 4)));
    expect(step.loss).toBeCloseTo(loss, 4);
    expect(got.blocks.matrices).toHaveLength(adapter.blocks.matrices.length);
    const scale = scaleOf(adapter.factors, {});
    for (const { name, shape, A, B } of adapter.factors.matrices) {
      const want = factorGradients(grads.get(name)!, { A, B, shape, rank: adapter.factors.rank, scale });
      const own = got.factors.matrices.find((m) => m.name === name)!;
      expect(own.A).toBeCloseL2(want.A, 2e-5);
      expect(own.B).toBeCloseL2(want.B, 2e-5);
    }
    for (const { name, index, blocks } of got.blocks.matrices) {
      const [, cols] = adapter.blocks.base.shapes[name];
      expect(blocks).toBeCloseL2(takeBlocks(grads.get(name)!, index, block, cols), 2e-5);
    }
  });
});

/** dA = s B' dW and dB = s dW A'. */
function factorGradients(
  dW: Float64Array,
  { A, B, shape: [out, inner], rank, scale }: { A: Float32Array; B: Float32Array; shape: number[]; rank: number; scale: number },
) {
  const [dA, dB] = [new Float64Array(rank * inner), new Float64Array(out * rank)];
  for (let r = 0; r < out; r++)
    for (let k = 0; k < rank; k++)
      for (let c = 0; c < inner; c++) {
        dA[k * inner + c] += scale * B[r * rank + k] * dW[r * inner + c];
        dB[r * rank + k] += scale * A[k * inner + c] * dW[r * inner + c];
      }
  return { A: dA, B: dB };
}

// --- what must hold ---------------------------------------------------------------------------------------------------

const ROWS = rowsOf([9, 14, 5, 11, 7, 16, 8, 6]);
const MIX = { budget: '60%t', block: 4, seed: 1, select: 'random' } as const;

/** The method with its blocks chosen. */
async function chosen(d: Decoder, settings: Partial<MixSettings> = {}) {
  const method = smtLora({ ...MIX, ...settings });
  const base = { ...baseIn(gpu, d), sha256: async () => '' };
  return (await method.choose!({ base, warmUp: async () => null, report: () => {} }))!;
}

test('begins as the base, and learns', async () => {
  const base = await run(tinyDecoder(gpu), lora({ rank: 1, targets: ['v_proj'] }), ROWS, 0);
  const begun = await run(tinyDecoder(gpu), await chosen(tinyDecoder(gpu)), ROWS, 0);
  expect(begun.after).toBeCloseL2(base.after, 1e-6);
  const tuned = await run(tinyDecoder(gpu), await chosen(tinyDecoder(gpu)), ROWS, 8, { muon: 'strip' });
  expect(tuned.loss[7]).toBeLessThan(0.95 * tuned.loss[1]); // the same rows, three passes later
  expect(tuned.allocated).toBe(tuned.planned);
});

test('accumulation equals the large batch', async () => {
  const method = await chosen(tinyDecoder(gpu));
  const whole = await run(tinyDecoder(gpu), method, ROWS, 4, { batch: 4 });
  const parts = await run(tinyDecoder(gpu), method, ROWS, 4, { batch: 1, accumulate: 4 });
  expect(parts.loss).toBeCloseL2(whole.loss, 1e-6);
  expect(parts.grad_norm).toBeCloseL2(whole.grad_norm, 1e-5);
});

test('recomputing layers changes no bit, with dropout', async () => {
  const method = await chosen(tinyDecoder(gpu), { dropout: 0.4 });
  const kept = await run(tinyDecoder(gpu), method, ROWS, 3);
  const again = await run(tinyDecoder(gpu), method, ROWS, 3, { recompute: true });
  expect(again).toMatchObject({ loss: kept.loss, grad_norm: kept.grad_norm });
});

test('each part moves at its own rate', async () => {
  const moved = async (loraLr?: number) => {
    const { adapter } = await run<MixedAdapter>(tinyDecoder(gpu), await chosen(tinyDecoder(gpu), { loraLr }), ROWS, 1, {
      settings: { ...PLAIN, lr: 1e-2 },
    });
    const most = (all: Float32Array[]) => Math.max(...all.flatMap((x) => [...x].map(Math.abs)));
    return [most(adapter.blocks.matrices.map((m) => m.blocks)), most(adapter.factors.matrices.map((m) => m.B))];
  };
  // AdamW's first step moves every element by about its rate
  const [blocks, factors] = await moved();
  expect(blocks).toBeCloseTo(1e-2, 4);
  expect(factors).toBeCloseTo(1e-2, 4);
  const apart = await moved(1e-3);
  expect(apart[0]).toBe(blocks);
  expect(apart[1]).toBeCloseTo(1e-3, 5);
});

// q, k and v of the tiny model: 2 x (32 x 32 + 2 x 16 x 32) = 4096 elements, 2 x (64 + 48 + 48) = 320 parameters a rank
test.each([
  ['60%t', 0.5, 4, Math.floor((0.6 * 4096 - 4 * 320) / 16)],
  ['60%t', 0.8, 2, Math.floor((0.6 * 4096 - 2 * 320) / 16)],
  ['100b', 0.5, 3, 100 - 60],
  ['30%t', 0.9, 1, Math.floor((0.3 * 4096 - 320) / 16)], // rank 1 at least
  ['150b', 0.01, 7, 150 - 140],
])('%s, %d of it blocks: rank %d and %d blocks', async (budget, share, rank, blocks) => {
  const d = tinyDecoder(gpu);
  const attached = (await chosen(d, { budget, share })).attach(d, TRAINING);
  expect(trainableOf(attached)).toBe(rank * 320 + blocks * 16);
  expect(smtLora({ ...MIX, budget, share }).attach(tinyDecoder(gpu), TRAINING).trained.length).toBeGreaterThan(0);
});

test('a budget for no block or no rank says what would do', () => {
  const of = (settings: Partial<MixSettings>) => () => smtLora({ ...MIX, ...settings }).check(tinyDecoder(gpu));
  expect(of({ budget: '20b' })).toThrow(/320 \+ 16 = 336 parameters.*got `budget` 20b = 320.*Raise `budget`\.$/);
  expect(of({ budget: '8%t' })).toThrow(/got `budget` 8%t = 327.*Raise `budget`, or lower `block`\.$/);
  expect(of({ budget: '60b', share: 0.01 })).toThrow(/of which rank 3 takes 960\. Raise `share`\.$/);
  expect(of({ budget: 'attn=30%t,mlp=20%t', targets: ['q_proj', 'up_proj'] })).not.toThrow();
});

test('at a size of a comparison it has that many parameters, or says why not', () => {
  const d = tinyDecoder(gpu);
  const { sized } = methodNamed('smt+lora');
  const fit = sized!(d, { ...MIX, rank: 16 } as never, 2000);
  expect(fit).toEqual({ options: { budget: '125b' }, trainable: 3 * 320 + Math.floor((2000 - 960) / 16) * 16 });
  expect(sized!(d, MIX as never, 300)).toMatch(/rank 1 and a block/);
});
