// Warm-ups: what a full one gathers before anything has moved is what a frozen one gathers, and what it leaves.
import { expect, test } from 'vitest';
import type { Line } from '../../src/report.ts';
import { lossOf } from '../../src/train/evaluate.ts';
import '../compare.ts';
import { testGpu } from '../gpu/harness.ts';
import { chosenBy, modelOf, rowsOf, tinyDecoder } from '../models/tiny.ts';

const ROWS = rowsOf([9, 14, 11, 17]);
const TARGETS = ['q_proj', 'down_proj'] as const;

test.each(['absmean', 'absofmean', 'absmean-of-sum', 'l2'] as const)(
  'a full warm-up at a rate of nothing scores by %s as a frozen one',
  async (score) => {
    const gpu = await testGpu();
    const maps = async (warmup: 'frozen' | 'full') => {
      const settings = { targets: TARGETS, block: 8, budget: '5b', score, warmup };
      const found = await chosenBy(gpu, tinyDecoder(gpu), ROWS, settings, { batch: 2, lr: 1e-30 });
      expect(found.blocks).toHaveLength(5);
      return found.maps;
    };
    const [frozen, full] = [await maps('frozen'), await maps('full')];
    expect([...full.keys()]).toEqual([...frozen.keys()]);
    expect(full.size).toBe(4);
    for (const [name, map] of full) {
      expect(Math.min(...map), name).toBeGreaterThan(0);
      expect(map, name).toBeCloseL2(frozen.get(name)!, 1e-4);
    }
  },
);

test('a full warm-up takes steps that stay, and nothing else stays', async () => {
  const gpu = await testGpu();
  const model = modelOf(gpu, tinyDecoder(gpu));
  const before = { bytes: gpu.memory.bytes, ...(await lossOf(model, ROWS, 4)) };
  const [{ loss: first }] = [await lossOf(model, ROWS.slice(0, 1), 1)];
  const lines: Line[] = [];
  const settings = { targets: TARGETS, block: 8, budget: '5b', warmup: 'full', warmupSteps: 9 } as const;
  await chosenBy(gpu, model.decoder, ROWS, settings, { batch: 1, lr: 1e-2, report: (line) => lines.push(line) });
  const losses = lines.flatMap((line) => (line.kind === 'warmup' ? [line.loss] : []));
  expect(losses).toHaveLength(4); // an epoch
  expect(losses[0]).toBeCloseTo(first, 5);
  expect(lines).toContainEqual({ kind: 'note', text: expect.stringContaining('takes 4 steps instead of 9') });
  expect((await lossOf(model, ROWS, 4)).loss).toBeLessThan(before.loss);
  expect(gpu.memory.bytes).toBe(before.bytes);
});
