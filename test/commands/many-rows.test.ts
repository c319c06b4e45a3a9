// As many rows as the data has: nothing of a run may hold them all as the arguments of one call, which ends at some 120,000.
import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { generateVerb } from '../../src/commands/generate.ts';
import { selectVerb } from '../../src/commands/select.ts';
import type { Task } from '../../src/commands/task.ts';
import { type Options, withDefaults } from '../../src/options/table.ts';
import type { Line } from '../../src/report.ts';
import { newFolder, writeModel } from '../cli/tiny.ts';

const ROWS = 150_000;

const folder = newFolder();
const { at } = folder;
afterAll(folder.free);
beforeAll(() => {
  writeModel(at('model'), { hidden_size: 16, intermediate_size: 16, num_hidden_layers: 1, num_attention_heads: 2 });
  writeFileSync(at('rows.jsonl'), '{"input_ids":[5,6,7]}\n'.repeat(ROWS));
});

async function lines(run: (task: Task) => Promise<void>, given: Options, signal: AbortSignal) {
  const heard: Line[] = [];
  const o = withDefaults({ model: at('model'), data: [at('rows.jsonl')], tune: 'off', ...given });
  await run({ o, files: [], report: (line) => heard.push(line), signal });
  return heard;
}

test('generate reads them all', async () => {
  const heard = await lines(generateVerb, { maxNewTokens: 1 }, AbortSignal.abort()); // stopped before the first answer
  expect(heard.find((line) => line.kind === 'plan')).toMatchObject({ program: 'decode' });
});
test('select weighs the halves of as many micro-batches', async () => {
  const settings: Options = {
    targets: ['q'],
    block: 8,
    budget: '1b',
    warmupSteps: 2,
    batch: 1,
    accumulate: ROWS,
    stability: true,
  };
  const heard = await lines(selectVerb, settings, new AbortController().signal);
  expect(heard.at(-1)).toMatchObject({ kind: 'stability', steps: 1 });
});
