// `inspect`: a line for every file, sound or not, and what is in it for people.

import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { inspectVerb } from '../../src/commands/inspect.ts';
import { withDefaults } from '../../src/options/table.ts';
import type { Line } from '../../src/report.ts';
import { newFolder, writeModel, writeRows } from './tiny.ts';

const folder = newFolder();
const { at } = folder;
afterAll(folder.free);

beforeAll(() => {
  writeModel(at('model'));
  writeModel(at('spoilt'));
  truncateSync(at('spoilt/model.safetensors'), 20_000);
  mkdirSync(at('empty'));
  writeRows(at('rows.jsonl'), [{ question: 'a', answer: 'b' }]);
  writeRows(at('bad.jsonl'), [{ height: 3 }]);
  writeFileSync(at('blocks.json'), JSON.stringify({ block: 8, blocks: [{ layer: 0, module: 'v_proj', row: 0, col: 1 }] }));
  writeFileSync(at('noblocks.json'), JSON.stringify({ block: 8, blocks: [{ layer: 0, row: 0, col: 1 }] }));
});

async function inspect(...names: string[]): Promise<{ lines: Line[]; failed: string | null }> {
  const lines: Line[] = [];
  const signal = new AbortController().signal;
  const run = inspectVerb({ o: withDefaults({}), files: names.map((n) => at(n)), report: (l) => lines.push(l), signal });
  return { failed: await run.then(() => null).catch((e: Error) => e.message), lines };
}

test.each<[name: string, facts: RegExp]>([
  ['model', /hidden_size 32[\s\S]*tokenizer[\s\S]*model\.layers\.\{0-1\}\.mlp\.down_proj\.weight +\[32, 64\] +f32 +16384 bytes/],
  ['model/model.safetensors', /safetensors, 20 tensors/],
  ['model/config.json', /2 layers[\s\S]*4 heads \(2 for keys and values\) of 8/],
  ['model/tokenizer.json', /BPE, \d+ ids/],
  ['rows.jsonl', /1 rows[\s\S]*prompt=question, completion=answer/],
  ['blocks.json', /1 blocks of 8 x 8: v_proj 1/],
])('%s is sound, and shown', async (name, facts) => {
  const { lines, failed } = await inspect(name);
  expect(failed).toBeNull();
  expect(lines[0]).toEqual({ kind: 'file', path: at(name), ok: true, error: null });
  expect(lines.flatMap((l) => (l.kind === 'note' ? [l.text] : [])).join('\n')).toMatch(facts);
});

test.each<[name: string, error: RegExp]>([
  ['spoilt', /expected .* got/],
  ['empty', /expected config\.json/],
  ['bad.jsonl', /row 1.*--columns/],
  ['noblocks.json', /module/],
  ['nosuch', /nothing there/],
])('%s is not', async (name, error) => {
  const { lines, failed } = await inspect(name);
  expect(failed).toMatch(/got 1 of 1 that are not/);
  expect(lines).toEqual([{ kind: 'file', path: at(name), ok: false, error: expect.stringMatching(error) }]);
});

test('one unsound file does not hide the others', async () => {
  const { lines, failed } = await inspect('model', 'nosuch', 'rows.jsonl');
  expect(lines.flatMap((l) => (l.kind === 'file' ? [l.ok] : []))).toEqual([true, false, true]);
  expect(failed).toMatch(/1 of 3/);
});
