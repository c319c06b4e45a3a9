// `inspect`: a line for every file, sound or not, and what is in it for people.

import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { inspectVerb } from '../../src/commands/inspect.ts';
import { type Adapter, adapterFiles } from '../../src/io/adapter.ts';
import { mergedTensors } from '../../src/io/adapter-merge.ts';
import { tokenizerFiles } from '../../src/io/export-hf.ts';
import { openModelFiles } from '../../src/io/model.ts';
import { onnxFolder } from '../../src/io/onnx/folder.ts';
import { writeFolder } from '../../src/io/write.ts';
import { withDefaults } from '../../src/options/table.ts';
import type { Line } from '../../src/report.ts';
import { newFolder, writeModel, writeRows } from './tiny.ts';

const folder = newFolder();
const { at } = folder;
afterAll(folder.free);

const Q = 'model.layers.0.self_attn.q_proj.weight';
const SMT: Adapter = {
  ...{ method: 'smt', block: 8, targets: ['q'], score: 'absmean', budget: '1%', seed: 3, version: '0' },
  base: { shapes: { [Q]: [32, 32] }, sha256: { [Q]: 'ab'.repeat(32) } },
  matrices: [{ name: Q, index: new Int32Array([0, 1, 2, 3]), blocks: new Float32Array(128).fill(1) }],
};
const LORA: Adapter = {
  ...{ method: 'lora', rank: 2, alpha: 4, use_rslora: false, dropout: 0, targets: ['q_proj'], base: '' },
  matrices: [{ name: Q, shape: [32, 32], A: new Float32Array(64).fill(1), B: new Float32Array(64).fill(1) }],
};

beforeAll(async () => {
  writeModel(at('model'));
  writeModel(at('spoilt'));
  truncateSync(at('spoilt/model.safetensors'), 20_000);
  mkdirSync(at('empty'));
  writeRows(at('rows.jsonl'), [{ question: 'a', answer: 'b' }]);
  writeRows(at('bad.jsonl'), [{ height: 3 }]);
  writeFileSync(at('blocks.json'), JSON.stringify({ block: 8, blocks: [{ layer: 0, module: 'v_proj', row: 0, col: 1 }] }));
  await writeFolder(at('smt'), adapterFiles(SMT));
  await writeFolder(at('lora'), adapterFiles(LORA));
  await writeFolder(at('cut'), adapterFiles(SMT));
  truncateSync(at('cut/adapter_model.safetensors'), 200);
  const files = await openModelFiles(at('model'));
  for (const [name, most] of [
    ['onnx-folder', undefined],
    ['onnx-beside', 20_000],
  ] as const) {
    const { config, generation, tokenizer } = files;
    const tensors = (type: 'f32' | 'f16') => mergedTensors(files.tensors, undefined, type);
    const kept = await tokenizerFiles(files);
    await writeFolder(at(name), onnxFolder({ config, generation, tokenizer, kept, dtype: 'f32', tensors, most }));
  }
  await files.close();
  truncateSync(at('onnx-beside/onnx/model.onnx_data_1'), 100);
  writeRows(at('ids.jsonl'), [{ input_ids: [1, 2], labels: [-100, 2] }]);
  writeFileSync(at('rows.csv'), 'prompt,completion\na,b\n');
  writeFileSync(at('list.json'), JSON.stringify([{ text: 'a' }, { text: 'b' }]));
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
  [
    'onnx-folder',
    /ONNX folder, model\.onnx[\s\S]*hidden_size 32[\s\S]*model\.layers\.\{0-1\}\.mlp\.down_proj\.weight +\[32, 64\] +f32 +16384 bytes/,
  ],
  ['rows.jsonl', /1 row\b[\s\S]*prompt=question, completion=answer/],
  ['smt', /smt adapter, 2 blocks of 8 x 8 in 1 of 1 matrices, 128 parameters[\s\S]*q_proj\.weight +\[32, 32\] +2 blocks/],
  ['smt/adapter_model.safetensors', /safetensors, 2 tensors[\s\S]*q_proj\.weight\.blocks +\[2, 8, 8\] +F32/],
  ['lora', /lora adapter, rank 2, alpha 4, of q_proj[\s\S]*q_proj\.weight +\[32, 32\]/],
  ['ids.jsonl', /1 row\b[\s\S]*input_ids/],
  ['rows.csv', /1 row\b[\s\S]*prompt, completion|prompt=prompt/],
  ['list.json', /2 rows[\s\S]*text/],
  ['blocks.json', /1 block of 8 x 8: v_proj 1/],
])('%s is sound, and shown', async (name, facts) => {
  const { lines, failed } = await inspect(name);
  expect(failed).toBeNull();
  expect(lines[0]).toEqual({ kind: 'file', path: at(name), ok: true, error: null });
  expect(lines.flatMap((l) => (l.kind === 'note' ? [l.text] : [])).join('\n')).toMatch(facts);
});

test.each<[name: string, error: RegExp]>([
  ['spoilt', /expected .* got/],
  ['cut', /the adapter .*: expected .* got/],
  ['onnx-beside', /expected \d+ bytes of .* in .*onnx\/model\.onnx_data_1 from \d+ on, got a file of 100/],
  ['empty', /expected config\.json/],
  ['bad.jsonl', /row 1.*`columns`/],
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
