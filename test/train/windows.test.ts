// Weights cut into windows whose edges no block edge divides: a block row then lies in two of them. Nothing may be lost there.

import { describe, expect, test } from 'vitest';
import { randomValues } from '../../src/commands/bench/model.ts';
import { modelFiles } from '../../src/commands/merge.ts';
import { type Gpu, openGpu } from '../../src/gpu/device.ts';
import { planningOf } from '../../src/gpu/limits.ts';
import { allocate, newScope } from '../../src/gpu/scope.ts';
import { elementsOf } from '../../src/gpu/tensor.ts';
import { decode } from '../../src/io/dequant.ts';
import { attachBlocks, fillBlocks } from '../../src/methods/smt/blocks.ts';
import { MODULES, type Module } from '../../src/models/config.ts';
import { newDecoder, parametersOf } from '../../src/models/decoder.ts';
import type { Weight } from '../../src/ops/stored/weight.ts';
import { withDefaults } from '../../src/options/table.ts';
import { attach, targetsOf } from '../../src/train/attach.ts';
import { fullWarmup } from '../../src/train/full-warmup.ts';
import { baseBlocks, type Model } from '../../src/train/model.ts';
import { tuneOptions } from '../../src/train/options.ts';
import { layOut } from '../../src/train/order.ts';
import { decoderOf, rowsOf, TINY, valuesOf } from '../models/tiny.ts';

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
    const [matrix] = attachBlocks([{ weight, index }], b, false);
    for (const t of [matrix.set.delta, matrix.set.lists]) allocate(gpu.scope, t.home!);
    const delta = Float32Array.from({ length: index.length * b * b }, (_, i) => Math.sin(i) / 8);
    fillBlocks(gpu.memory, matrix, delta);

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
    expect(await baseBlocks(model, matrix)).toEqual(base);
    expect(await written(model, weight, matrix)).toEqual(want);
    gpu.device.destroy();
  });

  test.each(['absmean', 'l2', 'absofmean'] as const)('%s by a full warm-up, as with one window', async (score) => {
    const rows = rowsOf([9, 14, 11, 7, 12, 10]);
    const o = tuneOptions(
      withDefaults({
        targets: [...'qkvo', 'gate', 'up', 'down'],
        block: b,
        batch: 2,
        warmupSteps: 2,
        noShuffle: true,
        warmup: 'full',
        score,
      }),
    );
    const maps = [];
    for (const limits of [undefined, SMALL]) {
      const gpu = await open(limits);
      const model = modelOn(gpu);
      maps.push(
        await fullWarmup(
          model,
          { rows } as never,
          o,
          layOut(rows, o),
          targetsOf(model.decoder, MODULES as readonly Module[]),
          b,
          () => {},
        ),
      );
      gpu.device.destroy();
    }
    const [one, cut] = maps;
    expect(cut.size).toBe(7 * CONFIG.n_layers);
    for (const [name, map] of one) {
      const most = Math.max(...map);
      expect(most).toBeGreaterThan(0);
      for (const [i, v] of map.entries()) expect(Math.abs(cut.get(name)![i] - v), `${name} ${i}`).toBeLessThan(1e-4 * most);
    }
  });
});

/** The values of a weight in the folder that a model is written as. */
async function written(model: Model, weight: Weight, matrix: Parameters<typeof baseBlocks>[1]): Promise<Float32Array> {
  const file = modelFiles(model, 'f32', [matrix]).find((f) => f.name === 'model.safetensors')!;
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
    module: 'q_proj',
    row: Math.floor(n / 400),
    col: n % 400,
    score: 0,
  }));
  const start = performance.now();
  const [{ set }] = attach({ decoder }, { block: b, blocks }, false);
  expect(performance.now() - start).toBeLessThan(2000);
  expect(set.index.length).toBe(2 * 50_000);
  expect(() => attach({ decoder }, { block: b, blocks: [...blocks, blocks[7]] }, false)).toThrow(/each block once, got \(0, 7\)/);
});
