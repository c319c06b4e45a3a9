// Losses of rows by a model as it stands: on their own, and of a guard around a run.
import { beforeAll, expect, test } from 'vitest';
import type { Gpu } from '../../src/gpu/device.ts';
import { removeAdapter, smt, tune } from '../../src/index.ts';
import type { Line } from '../../src/report.ts';
import { lossOf } from '../../src/train/evaluate.ts';
import { testGpu } from '../gpu/harness.ts';
import { lossAndGradients, modelOf, rowsOf, tinyDecoder } from '../models/tiny.ts';

const ROWS = rowsOf([9, 14, 11, 17, 8, 13, 10, 12]);

let gpu: Gpu;
beforeAll(async () => {
  gpu = await testGpu();
});

test('the loss of rows is that of all of them, however batched, and its memory is free again', async () => {
  const model = modelOf(gpu, tinyDecoder(gpu));
  const before = gpu.memory.bytes;
  const { loss, tokens } = await lossOf(model, ROWS, 3);
  expect(gpu.memory.bytes).toBe(before);
  expect((await lossOf(model, ROWS, 8)).loss).toBeCloseTo(loss, 5);
  const all = await lossAndGradients(gpu, model.decoder, ROWS);
  expect([loss, tokens]).toEqual([expect.closeTo(all.loss, 5), all.tokens]);
});

test("the guard's loss is that of its rows, before the run and after it", async () => {
  const model = modelOf(gpu, tinyDecoder(gpu));
  const before = gpu.memory.bytes;
  const lines: Line[] = [];
  const guard = { name: 'other.jsonl', rows: ROWS };
  const method = smt({ block: 8, budget: '9b', warmupSteps: 1 });
  const settings = { method, steps: 2, batch: 3, lr: 1e-2, autotune: false };
  const base = await lossOf(model, ROWS, 3);
  const { made, steps } = await tune(model, { rows: ROWS.slice(4), guard }, settings, (line) => lines.push(line));
  const after = await lossOf(model, ROWS, 3);
  expect(steps).toBe(2);
  expect(after.loss).not.toBe(base.loss);
  const told = ({ loss, tokens }: typeof base, step: number) => ({
    ...{ kind: 'eval', step, loss, tokens, guard: 'other.jsonl' },
    perplexity: expect.closeTo(Math.exp(loss), 6),
  });
  expect(lines.filter((line) => line.kind === 'eval')).toEqual([told(base, 0), told(after, 2)]);
  removeAdapter(made);
  expect(gpu.memory.bytes).toBe(before);
});
