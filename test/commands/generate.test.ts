// What generate says before it answers: of prompts beyond the positions that the model was made for.
import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { generateVerb } from '../../src/commands/generate.ts';
import { withDefaults } from '../../src/options/table.ts';
import type { Line } from '../../src/report.ts';
import { newFolder, writeModel } from '../cli/tiny.ts';

const folder = newFolder();
const { at } = folder;
afterAll(folder.free);
beforeAll(() => writeModel(at('model'), { num_hidden_layers: 1, max_position_embeddings: 8 }));

test.each([
  ['8 tokens of 8', [8], []],
  ['9 tokens of 8', [9], [/^the prompt has 9 tokens, more than the 8 positions/]],
  ['one of three that is longer', [3, 10, 8], [/^1 of 3 prompts have up to 10 tokens, more than the 8 positions/]],
] as const)('%s', async (_, lengths, said) => {
  const row = (n: number) => `${JSON.stringify({ input_ids: Array(n).fill(5) })}\n`;
  writeFileSync(at('rows.jsonl'), lengths.map(row).join(''));
  const heard: Line[] = [];
  const o = withDefaults({ model: at('model'), data: [at('rows.jsonl')], maxNewTokens: 1 });
  await generateVerb({ o, files: [], report: (line) => heard.push(line), signal: AbortSignal.abort() });
  const warned = heard.flatMap((line) => (line.kind === 'warning' ? [line.text] : []));
  expect(warned).toEqual(said.map((pattern) => expect.stringMatching(pattern)));
});
