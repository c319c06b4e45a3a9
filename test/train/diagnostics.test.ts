// What a run tells of itself: shares of the update, the steadiness of the choice, the guard's loss.
import { beforeAll, describe, expect, test } from 'vitest';
import type { Gpu } from '../../src/gpu/device.ts';
import { planningOf } from '../../src/gpu/limits.ts';
import { allocate, newScope } from '../../src/gpu/scope.ts';

import { fillBlocks } from '../../src/methods/smt/blocks.ts';
import { withDefaults } from '../../src/options/table.ts';
import type { Line } from '../../src/report.ts';
import { attach } from '../../src/train/attach.ts';
import { choose } from '../../src/train/choose.ts';
import { blocksUpdate, guardLoss, lossOf, overlap, stability } from '../../src/train/diagnostics.ts';
import type { Model } from '../../src/train/model.ts';
import { tuneOptions } from '../../src/train/options.ts';
import { layOut } from '../../src/train/order.ts';
import { testGpu } from '../gpu/harness.ts';
import { lossAndGradients, rowsOf, tinyDecoder } from '../models/tiny.ts';

const ROWS = rowsOf([9, 14, 11, 17, 8, 13, 10, 12]);

describe('on a tiny model', () => {
  let gpu: Gpu;
  beforeAll(async () => {
    gpu = await testGpu();
  });
  const tiny = () =>
    ({ gpu, decoder: tinyDecoder(gpu), scope: newScope(gpu.scope), planning: planningOf(gpu.limits), moved: false }) as Model;

  test('the shares of the update are those of the squares of the differences', async () => {
    const model = tiny();
    const at = (layer: number, module: string, row: number, col: number) => ({ layer, module, row, col, score: 0 });
    const selection = { block: 8, blocks: [at(1, 'v_proj', 1, 2), at(0, 'q_proj', 0, 3), at(0, 'q_proj', 2, 1)] };
    const matrices = attach(model, selection, false);
    for (const m of matrices) {
      for (const t of [m.set.delta, m.set.lists]) allocate(gpu.scope, t.home!);
      const delta = new Float32Array(m.set.delta.bytes / 4);
      // as the device orders its blocks: 2 in v, 1 in q's (0, 3), nothing in q's (2, 1)
      for (let n = 0; n < m.set.index.length / 2; n++)
        if (m.weight.name.includes('v_proj')) delta[n * 64 + 5] = 2;
        else if (m.set.index[2 * n] === 0) delta[n * 64] = -1;
      fillBlocks(gpu.memory, m, delta);
    }
    const line = await blocksUpdate(model, selection, matrices);
    expect(line.norm).toBeCloseTo(Math.sqrt(5), 6);
    expect(line.blocks).toEqual([
      { layer: 1, module: 'v_proj', row: 1, col: 2, share: 0.8 },
      { layer: 0, module: 'q_proj', row: 0, col: 3, share: 0.2 },
      { layer: 0, module: 'q_proj', row: 2, col: 1, share: 0 },
    ]);
  });

  test('stability is the overlap of what either half of the warm-up chooses', async () => {
    const o = tuneOptions(
      withDefaults({ targets: ['q', 'v'], block: 8, budget: '10b', batch: 2, warmupSteps: 4, noShuffle: true }),
    );
    const model = tiny();
    const chosenBy = (rows: typeof ROWS, warmupSteps: number) =>
      choose(model, rows, { ...o, warmupSteps }, layOut(rows, o), () => {});
    const whole = await chosenBy(ROWS, 4);
    const [one, other] = [await chosenBy(ROWS.slice(0, 4), 2), await chosenBy(ROWS.slice(4), 2)];
    const line = await stability(model, ROWS, o, layOut(ROWS, o), whole);
    expect(line).toMatchObject({ steps: 2, halves: overlap(one, other), whole: [overlap(whole, one), overlap(whole, other)] });
    // q [32, 32] and v [16, 32] of two layers are 48 blocks
    expect(line.by_chance).toBeCloseTo(10 / 48, 12);
    expect(line.halves).toBeLessThan(1);
  });

  test('a warm-up of one step has no halves', async () => {
    const o = tuneOptions(withDefaults({ targets: ['q'], block: 8, budget: '2b', batch: 8 }));
    const whole = { block: 8, blocks: [] };
    await expect(stability(tiny(), ROWS, o, layOut(ROWS, o), whole)).rejects.toThrow(/at least 2 steps for --stability, got 1/);
  });

  test("the guard's loss is that of its rows, and its memory is free again", async () => {
    const model = tiny();
    const before = gpu.memory.bytes;
    const lines: Line[] = [];
    const { loss, tokens } = await guardLoss(model, { name: 'other.jsonl', rows: ROWS }, 3, 7, (line) => lines.push(line));
    expect(gpu.memory.bytes).toBe(before);
    expect(lines).toEqual([
      { kind: 'eval', step: 7, loss, perplexity: expect.closeTo(Math.exp(loss), 6), tokens, guard: 'other.jsonl' },
    ]);
    expect((await lossOf(model, ROWS, 8)).loss).toBeCloseTo(loss, 5);
    const all = await lossAndGradients(gpu, model.decoder, ROWS);
    expect([loss, tokens]).toEqual([expect.closeTo(all.loss, 5), all.tokens]);
  });
});
