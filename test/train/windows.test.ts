// Weights cut into windows whose edges no block edge divides: a block row then lies in two of them. Nothing may be lost there.

import { describe, expect, test } from 'vitest';
import { randomValues } from '../../src/commands/bench/model.ts';
import { type Gpu, openGpu } from '../../src/gpu/device.ts';
import { planningOf } from '../../src/gpu/limits.ts';
import { allocate, newScope } from '../../src/gpu/scope.ts';
import { elementsOf, read, write } from '../../src/gpu/tensor.ts';
import { decode } from '../../src/io/dequant.ts';
import { SMT_DEFAULTS, smt } from '../../src/methods/smt/method.ts';
import type { Selection } from '../../src/methods/smt/select.ts';
import { MODULES } from '../../src/models/config.ts';
import { newDecoder, parametersOf } from '../../src/models/decoder.ts';
import type { Weight } from '../../src/ops/stored/weight.ts';
import { prepareRun, selectBlocks, type TuneOptions } from '../../src/parts.ts';
import { baseOf, type Model } from '../../src/train/model.ts';
import { resultFiles } from '../../src/train/save.ts';
import type { OnModel } from '../../src/train/session.ts';
import { keepDevice } from '../gpu/kept.ts';
import { decoderOf, rowsOf, TINY, valuesOf } from '../models/tiny.ts';

keepDevice();

// Rows of 48 values: 32 fit a binding of 6 KiB, and block row 1 of an edge of 24 is rows 24 to 47. An edge of 48 is longer than a window.
const SMALL = { maxBinding: 6144, maxBuffer: 1 << 22 };
const CONFIG = {
  ...TINY,
  hidden_size: 48,
  intermediate_size: 96,
  n_heads: 6,
  n_kv_heads: 6,
  max_position_embeddings: 64,
};

const open = (limits?: typeof SMALL) => openGpu(limits ? { limits } : {});

function modelOn(gpu: Gpu): Model {
  const decoder = decoderOf(gpu, CONFIG, randomValues(3, 0.2));
  const files = { config: { ...CONFIG, model_type: 'llama', eos_token_ids: [], raw: {} }, generation: {}, tokenizer: {} };
  return { gpu, decoder, files, scope: newScope(gpu.scope), planning: planningOf(gpu.limits), moved: true } as unknown as Model;
}

describe.each([24, 48])('blocks of %i', (b) => {
  test('base values and merged values', async () => {
    const gpu = await open(SMALL);
    const model = modelOn(gpu);
    const weight = model.decoder.layers[0].matrices.gate_proj;
    expect(weight.windows.some((v) => v.r0 % b)).toBe(true);
    const index: [number, number][] = [];
    for (let r = 0; r < weight.rows / b; r++)
      for (let c = 0; c < weight.cols / b; c++) if ((r + c) % 2 || r === 1) index.push([r, c]);
    const blocks = index.map(([row, col]) => ({ layer: 0, module: 'gate_proj' as const, row, col, score: 0 }));
    const method = smt({ selection: { block: b, blocks }, targets: ['gate_proj'], warmup: 'full' });
    const attached = method.attach(model.decoder, { decays: true, software: gpu.limits.software, most: gpu.limits.maxBinding });
    const [{ value, base: beneath }] = attached.trained;
    for (const t of [...attached.tensors, beneath!]) allocate(gpu.scope, t.home!);
    await attached.fill(baseOf(model));
    const delta = Float32Array.from({ length: index.length * b * b }, (_, i) => Math.sin(i) / 8);
    write(gpu.memory, value, delta);

    const all = await valuesOf(gpu, weight);
    const want = all.slice();
    const base = new Float32Array(delta.length);
    index.forEach(([r, c], n) => {
      for (let i = 0; i < b * b; i++) {
        const at = (r * b + Math.floor(i / b)) * weight.cols + c * b + (i % b);
        base[n * b * b + i] = all[at];
        want[at] = Math.fround(want[at] + delta[n * b * b + i]);
      }
    });
    expect(await read(gpu.memory, beneath!)).toEqual(base);
    expect(await written(model, weight, { method, attached, scope: gpu.scope })).toEqual(want);
    gpu.device.destroy();
  });

  test.each(['absmean', 'l2', 'absofmean', 'absmean-of-sum'] as const)(
    '%s by a full warm-up, as with one window',
    async (score) => {
      const rows = rowsOf([9, 14, 11, 7, 12, 10]);
      const settings = { targets: MODULES, block: b, budget: '10%t', warmupSteps: 2, warmup: 'full', score } as const;
      const method = smt(settings);
      const maps = [];
      for (const limits of [undefined, SMALL]) {
        const gpu = await open(limits);
        const run = await prepareRun(modelOn(gpu), { rows }, { ...RUN, method }, () => {});
        const scored = await selectBlocks(run, { ...smtDefaults, ...settings });
        maps.push(scored!.maps);
        gpu.device.destroy();
      }
      const [one, cut] = maps;
      expect(cut.size).toBe(7 * CONFIG.n_layers);
      for (const [name, map] of one) {
        const most = Math.max(...map);
        expect(most).toBeGreaterThan(0);
        for (const [i, v] of map.entries()) expect(Math.abs(cut.get(name)![i] - v), `${name} ${i}`).toBeLessThan(1e-4 * most);
      }
    },
  );
});

const RUN = {
  ...{
    batch: 2,
    accumulate: 1,
    shuffle: false,
    seed: 0,
    lr: 1e-4,
    schedule: 'constant',
    lrWarmup: 0,
    betas: [0.9, 0.95],
    eps: 1e-8,
  },
  ...{ weightDecay: 0, clip: 1, recompute: 'off', autotune: false },
} satisfies Omit<TuneOptions, 'method'>;
const smtDefaults = { ...SMT_DEFAULTS, seed: 0 };

/** The values of a weight in the folder that a model is written as. */
async function written(model: Model, weight: Weight, made: OnModel): Promise<Float32Array> {
  const file = (await resultFiles(model, made, 'f32')).find((f) => f.name === 'model.safetensors')!;
  const parts: Uint8Array[] = [];
  for await (const part of file.chunks as AsyncIterable<Uint8Array>) parts.push(part.slice());
  const bytes = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let to = 0;
  for (const part of parts) {
    bytes.set(part, to);
    to += part.length;
  }
  const size = Number(new DataView(bytes.buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + size)));
  const [from, end] = header[weight.name].data_offsets;
  expect(parametersOf(model.decoder).every((w) => w.name in header)).toBe(true);
  return decode('f32', bytes.subarray(8 + size + from, 8 + size + end), elementsOf(header[weight.name].shape));
}

test('50,000 blocks are attached in time that grows with their number; one named twice is an error', () => {
  const [b, config] = [4, { ...CONFIG, hidden_size: 1600, n_heads: 200, n_kv_heads: 200, n_layers: 1 }];
  const decoder = newDecoder(config, 8, () => 'f32', 1 << 27);
  const blocks = Array.from({ length: 50_000 }, (_, n) => ({
    layer: 0,
    module: 'q_proj' as const,
    row: Math.floor(n / 400),
    col: n % 400,
    score: 0,
  }));
  const start = performance.now();
  const attach = (selection: Selection) =>
    smt({ selection, targets: ['q_proj'] }).attach(decoder, { decays: false, software: true, most: 1 << 27 });
  const { trained } = attach({ block: b, blocks });
  expect(performance.now() - start).toBeLessThan(10_000);
  expect(trained.map((t) => t.count)).toEqual([50_000 * b * b]);
  expect(() => attach({ block: b, blocks: [...blocks, blocks[7]] })).toThrow(/each block once, got \(0, 7\)/);
});
