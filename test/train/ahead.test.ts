// Compiled before it is started, a run has hardly anything left to compile, and the same bits.
import { afterAll, expect, test } from 'vitest';
import { methodFrom, tuneOptions } from '../../src/commands/settings.ts';
import { withDefaults } from '../../src/options/table.ts';
import { closeGpu, compileAhead, loadModel, openData, openGpu, openModel, tune } from '../../src/parts.ts';
import type { Line } from '../../src/report.ts';
import { tinyPlace } from './inprocess.ts';

const place = tinyPlace();
afterAll(place.free);

async function run(ahead: boolean) {
  const opened = await openModel(place.at('model'));
  const data = await openData(opened, place.at('rows.jsonl'));
  const model = await loadModel(await openGpu(), opened, {});
  const o = withDefaults({ budget: '10b', warmupSteps: 2, steps: 3, lr: 1e-3 });
  const settings = { ...tuneOptions(o, methodFrom(o)), autotune: false };
  if (ahead) await compileAhead(model, data, settings);
  const before = model.gpu.compiled;
  const losses: number[] = [];
  const hear = (line: Line) => line.kind === 'step' && losses.push(line.loss);
  await tune(model, data, settings, hear);
  const { compiled } = model.gpu;
  closeGpu(model.gpu);
  return { before, compiled, losses };
}

test('a run that was compiled ahead', async () => {
  const [plain, ahead] = [await run(false), await run(true)];
  expect(plain.losses).toHaveLength(3);
  expect(ahead.losses).toEqual(plain.losses);
  expect(ahead.compiled - plain.compiled).toBeLessThanOrEqual(1); // a choice may need fewer kernels than all that could be chosen
  expect(ahead.compiled - ahead.before).toBeLessThan(0.1 * (plain.compiled - plain.before));
});
