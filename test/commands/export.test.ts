// Exports through the verb: what is written is the tuned model, and nothing else gets a name.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compareExport, measure } from '../../src/commands/export/check.ts';
import { faultOf, worstOf } from '../../src/commands/export/compare.ts';
import { diskFolder } from '../../src/io/bytes.ts';
import { EXPORTERS } from '../../src/io/exports.ts';
import { openModelFiles } from '../../src/io/model.ts';
import { withDefaults } from '../../src/options/table.ts';
import { closeGpu, loadAdapter, openModel } from '../../src/parts.ts';
import { keepDevice } from '../gpu/kept.ts';
import { of, run, tinyPlace } from '../train/inprocess.ts';

keepDevice();

const { at, free, train, path } = tinyPlace();
let [tuned, base] = [0, 0];
afterAll(free);
beforeAll(async () => {
  await run([
    ...train('adapter'),
    '--targets',
    'all',
    '--budget',
    '20%t',
    '--warmup-steps',
    '2',
    '--steps',
    '15',
    '--lr',
    '0.03',
  ]);
  tuned = await evaluated('--model', at('model'), '--adapter', at('adapter'));
  base = await evaluated('--model', at('model'));
});

const words = (verb: string, out: string, ...more: string[]) => [
  ...[verb, '--model', at('model'), '--adapter', at('adapter'), '--out', at(out), '--tune', 'off', ...more],
];
const evaluated = async (...model: string[]) =>
  of(await run(['eval', ...model, '--data', at('rows.jsonl'), '--tune', 'off']), 'eval')[0].loss;

describe.each([
  ['gguf', 'f32', 1e-5],
  ['gguf', 'q8_0', 1e-2],
  ['hf', 'bf16', 1e-2],
])('%s %s', (format, dtype, within) => {
  const out = `${format}-${dtype}${format === 'gguf' ? '.gguf' : ''}`;
  test('is the tuned model, opened again and compared', async () => {
    const lines = await run(words('export', out, '--format', format, '--dtype', dtype));
    const [line] = of(lines, 'exported');
    expect(Object.keys(line)).toEqual(['kind', 'format', 'out', 'bytes', 'rows', 'worst']);
    expect(line).toMatchObject({ format, out: at(out), rows: 4 });
    expect(line.worst).toBeLessThan(10 * within);
    expect(Math.abs(tuned - base)).toBeGreaterThan(5 * within);
    expect(Math.abs((await evaluated('--model', at(out))) - tuned)).toBeLessThan(within);
  });
});

test('a folder has the tokenizer as it was and a card that tells of base, run and command', async () => {
  await run(words('export', 'folder'));
  for (const name of ['tokenizer.json', 'tokenizer_config.json'])
    expect(readFileSync(at(`folder/${name}`)).equals(readFileSync(at(`model/${name}`)))).toBe(true);
  const [, front, text] = readFileSync(at('folder/README.md'), 'utf8').split(/^---$/m);
  expect(front.trim().split('\n')).toEqual([
    ...['base_model: "model"', 'library_name: transformers', 'pipeline_tag: text-generation', 'tags:'],
    ...['- "base_model:finetune:model"', '- "transformers"', '- "blocktune"'],
  ]);
  for (const line of ['| method | smt |', '| data | rows.jsonl |', '| steps | 15 |', 'npx blocktune export --model'])
    expect(text).toContain(line);
});

test('blocks as a LoRA are the tuned model on its base; truncated they say what they lose', async () => {
  const exact = await run(words('export', 'lora', '--format', 'peft'));
  expect(of(exact, 'exported')[0].worst).toBeLessThan(1e-3);
  const loss = await evaluated('--model', at('model'), '--adapter', at('lora'));
  expect(Math.abs(loss - tuned)).toBeLessThan(1e-5);
  const small = await run(words('export', 'small', '--format', 'peft', '--svd', '12'));
  expect(of(small, 'note').map(({ text }) => text)).toContainEqual(expect.stringMatching(/rank 12 loses [\d.]+ % .* at most/));
  expect(of(small, 'exported')[0].worst).toBeGreaterThan(1e-3);
});

describe.each([
  ['f32', 1e-4],
  ['f16', 1e-2],
  ['q4', 0.5],
])('onnx %s', (dtype, within) => {
  test('is the tuned model by onnxruntime-web, not the untrained one', async () => {
    const lines = await run(words('export', `onnx-${dtype}`, '--format', 'onnx', '--dtype', dtype));
    const [line] = of(lines, 'exported');
    expect(line).toMatchObject({ format: 'onnx', rows: 4 });
    expect(line.worst).toBeLessThan(within);
    const weights = readdirSync(at(`onnx-${dtype}/onnx`)).map((name) => statSync(at(`onnx-${dtype}/onnx/${name}`)).size);
    expect(line.bytes).toBeGreaterThan(weights.reduce((a, b) => a + b));
    expect(readFileSync(at(`onnx-${dtype}/tokenizer.json`))).toEqual(readFileSync(at('model/tokenizer.json')));
    expect(readFileSync(at(`onnx-${dtype}/README.md`), 'utf8')).toMatch(/^---\nbase_model: .*\nlibrary_name: transformers.js\n/);
  });
});

test('an ONNX folder of the untrained model is told from the tuned one', async () => {
  await run(['export', '--model', at('model'), '--out', at('plain'), '--format', 'onnx', '--dtype', 'f16', '--tune', 'off']);
  const opened = await openModel(at('model'));
  const meant = await measure(withDefaults({}), opened, await loadAdapter(at('adapter')), () => {});
  const untrained = () => EXPORTERS.onnx.open(diskFolder(at('plain')), { files: opened.files, dtype: 'f16' });
  const compared = compareExport(meant, untrained, { dtype: 'f16', lost: false, otherTokens: false });
  await expect(compared).rejects.toThrow(/got one nearer to the untrained one/);
  closeGpu(meant.gpu);
  await opened.files.close();
});

test('merge writes a GGUF too, and says done last', async () => {
  const lines = await run(words('merge', 'merged.gguf', '--format', 'gguf'));
  expect(lines.slice(-1)).toEqual([expect.objectContaining({ kind: 'done', out: at('merged.gguf'), made: 'model' })]);
  expect(existsSync(at('merged.gguf'))).toBe(true);
  expect(readFileSync(at('merged.Modelfile'), 'utf8')).toBe('FROM ./merged.gguf\nPARAMETER stop "<eos>"\n');
  expect(readFileSync(at('Modelfile'), 'utf8')).toContain('FROM ./gguf-f32.gguf');
});

test('a place in use is left alone, and found before anything is loaded', async () => {
  const lines = run(words('export', 'model', '--format', 'hf'));
  await expect(lines).rejects.toThrow(/expected an empty place at .*; choose another place or add --force/);
  await expect(run(words('export', 'rows.jsonl', '--format', 'gguf'))).rejects.toThrow(/--force/);
});

test('the untrained model in the place of the tuned one is refused', async () => {
  const opened = await openModel(at('model'));
  const meant = await measure(withDefaults({}), opened, await loadAdapter(at('adapter')), () => {});
  const untrained = () => openModelFiles(at('model')).then((files) => ({ files }));
  const compared = compareExport(meant, untrained, { dtype: 'q4_0', lost: false, otherTokens: false });
  await expect(compared).rejects.toThrow(
    /expected the tuned model, got one nearer to the untrained one: .* from the base.s by 0$/,
  );
  closeGpu(meant.gpu);
  await opened.files.close();
});

test('what training changed by less than a dtype rounds away is refused, and nothing is left', async () => {
  await run([...train('hardly'), '--targets', 'q', '--budget', '1b', '--warmup-steps', '1', '--steps', '1', '--lr', '1e-9']);
  const lines = run([
    ...words('export', 'lost.gguf', '--format', 'gguf', '--dtype', 'q4_0').map((w) => (w === at('adapter') ? at('hardly') : w)),
  ]);
  await expect(lines).rejects.toThrow(/got the untrained one: .* less than q4_0 rounds away; .*What was written is deleted/);
  expect(readdirSync(path).filter((name) => name.includes('lost'))).toEqual([]);
});

describe('a fault', () => {
  const f = (...x: number[]) => Float32Array.from(x);
  const [tuned, base] = [f(-1, -2, -3), f(-2, -2, -5)];
  test.each([
    ['none, rounded', { exported: f(-1.001, -2, -3.002), tuned, base }, 'f16', undefined],
    ['no adapter', { exported: f(-1, -2, -3), tuned, base: null }, 'f32', undefined],
    ['an adapter that does nothing', { exported: base, tuned: base, base }, 'f32', undefined],
    ['not finite', { exported: f(-1, Number.NaN, -3), tuned, base }, 'f16', /finite .* got NaN: .* beyond f16/],
    ['the base', { exported: base, tuned, base }, 'f32', /nearer to the untrained one/],
    ['nearer to the base', { exported: f(-1.6, -2, -4.2), tuned, base }, 'q4_0', /by 1\.2, from the base's by 0\.8/],
    ['rounding larger than training', { exported: f(-1, -2, 2), tuned, base: f(-1.1, -2, -3) }, 'q4_0', /on average, got 1\.67/],
    ['lost', { exported: tuned, tuned, base }, 'q4_0', /less than q4_0 rounds away/],
    ['far off', { exported: f(-1.1, -2.1, -3.1), tuned, base: null }, 'f16', /within 0\.02 .* got 0\.1/],
  ])('%s', (_, compared, dtype, says) => {
    const fault = faultOf(compared, { dtype, lost: _ === 'lost' });
    if (says) expect(fault).toMatch(says);
    else expect(fault).toBeUndefined();
  });
  test('the worst is the largest of all', () => {
    expect(worstOf({ exported: f(-1.5, -2, -3.25), tuned, base })).toEqual({ tuned: 0.5, base: 1.75 });
  });
});
