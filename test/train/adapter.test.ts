// Adapters through the verbs: trained, applied, merged and gone on from; and what is said of one that does not fit.
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { evaluateVerb } from '../../src/commands/eval.ts';
import { exportVerb } from '../../src/commands/export/verb.ts';
import type { Task } from '../../src/commands/task.ts';
import { trainVerb } from '../../src/commands/train.ts';
import { adapterFiles, loadAdapter, partsOf } from '../../src/io/adapter.ts';
import type { PeftAdapter } from '../../src/io/adapter-peft.ts';
import { writeFolder } from '../../src/io/write.ts';
import { type Options, withDefaults } from '../../src/options/table.ts';
import type { Line } from '../../src/report.ts';
import '../compare.ts';
import { keepDevice } from '../gpu/kept.ts';

keepDevice();

const golden = new URL('../goldens/llama-bias/', import.meta.url);
let home: string;
const at = (name: string) => join(home, name);

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'blocktune-'));
  await cp(new URL('model', golden), at('model'), { recursive: true });
  const vocab = Object.fromEntries(Array.from('abcdefghijklmnopqrstuvwxyz', (c, i) => [c, i]));
  const tokenizer = { version: '1.0', added_tokens: [], model: { type: 'BPE', vocab, merges: [] } };
  await writeFile(at('model/tokenizer.json'), JSON.stringify(tokenizer));
  const { rows } = JSON.parse(await readFile(new URL('golden.json', golden), 'utf8'));
  await writeFile(at('rows.jsonl'), rows.map((row: object) => JSON.stringify(row)).join('\n'));
});
afterAll(() => rm(home, { recursive: true }));

async function run(verb: (task: Task) => Promise<void>, options: Options): Promise<Line[]> {
  const lines: Line[] = [];
  const o = withDefaults({ model: at('model'), tune: 'off', ...options });
  await verb({ o, files: [], report: (line: Line) => lines.push(line), signal: new AbortController().signal } as unknown as Task);
  return lines;
}

const train = (out: string, options: Options) =>
  run(trainVerb, {
    data: [at('rows.jsonl')],
    steps: 3,
    lr: 1e-2,
    schedule: 'constant',
    lrWarmup: 0,
    noShuffle: true,
    out: at(out),
    ...options,
  });
const stepsOf = (lines: Line[]) => lines.flatMap((l) => (l.kind === 'step' ? [l.loss] : []));
const warnings = (lines: Line[]) => lines.flatMap((l) => (l.kind === 'warning' ? [l.text] : []));

async function logprobs(options: Options): Promise<number[]> {
  const lines = await run(evaluateVerb, { data: [at('rows.jsonl')], perExample: true, ...options });
  return lines.flatMap((l) => (l.kind === 'example' ? [l.logprob] : []));
}

describe.each([
  ['smt', { method: 'smt', budget: '12b', block: 8, warmupSteps: 2 }],
  ['lora', { method: 'lora', rank: 3, alpha: 6 }],
  ['dora', { method: 'dora', rank: 3, alpha: 6, targets: ['k', 'o', 'down'] }],
  ['smt+lora', { method: 'smt+lora', budget: '24b', block: 8, warmupSteps: 2 }],
  ['lora on a quantized base', { method: 'lora', rank: 4, alpha: 6, base: 'q8_0' }],
  ['dora on a quantized base', { method: 'dora', rank: 4, alpha: 6, base: 'q4_0', targets: ['q', 'gate'] }],
] as [string, Options][])('%s', (name, options) => {
  const out = name.replaceAll(' ', '-');
  const base = options.base ? { base: options.base } : {};

  test('is saved, applied, merged and gone on from', async () => {
    const first = await train(out, options);
    const memory = first.filter((l) => l.kind === 'memory');
    expect(memory.map((l) => l.program)).toContain('train');
    expect(memory.map((l) => l.allocated)).toEqual(memory.map((l) => l.planned));
    const applied = await logprobs({ adapter: at(out), ...base });
    expect(applied).not.toBeCloseL2(await logprobs(base), 1e-3);
    const on = await train(`${out}-on`, { adapter: at(out), steps: 1, lr: 1e-30, ...base });
    expect(warnings(on)).toEqual([]);
    const saved = async (name: string) =>
      partsOf(await loadAdapter(at(name))).map(({ method, matrices }) => ({ method, matrices }));
    expect(await saved(`${out}-on`)).toEqual(await saved(out));
    const more = await train(`${out}-more`, { adapter: at(out), steps: 3, ...base });
    expect(stepsOf(more)[0]).toBe(stepsOf(on)[0]);
    expect(stepsOf(more)[0]).toBeLessThan(stepsOf(first)[0]); // the same rows, three steps later
    expect(more.some((l) => l.kind === 'warmup')).toBe(false);
    if (options.base) return; // the merge is of the file's weights, not of the device's
    const merged = await run(exportVerb, { adapter: at(out), out: at(`${out}-merged`) });
    expect(warnings(merged)).toEqual([]);
    await cp(at('model/tokenizer.json'), at(`${out}-merged/tokenizer.json`));
    expect(await logprobs({ model: at(`${out}-merged`) })).toBeCloseL2(applied, 1e-5);
  });
});

test('a run that goes on from blocks and factors gives the factors the rate that it is told', async () => {
  const whole = { method: 'smt+lora', budget: '24b', block: 8, warmupSteps: 2 } as const;
  await train('mixed', { ...whole, steps: 2 });
  const values = async (name: string) =>
    Object.fromEntries(
      partsOf(await loadAdapter(at(name))).map(({ method, matrices }) => [method, JSON.stringify(matrices)] as const),
    );
  await train('still', { adapter: at('mixed'), steps: 2, lr: 1e-2, loraLr: 1e-30 });
  await train('moving', { adapter: at('mixed'), steps: 2, lr: 1e-2 });
  const [before, still, moving] = await Promise.all(['mixed', 'still', 'moving'].map(values));
  expect(Object.keys(before).sort()).toEqual(['lora', 'smt']);
  expect(still.lora).toBe(before.lora);
  expect(still.smt).not.toBe(before.smt);
  expect(moving.lora).not.toBe(before.lora);
});

describe('an adapter that does not fit', () => {
  let saved: PeftAdapter;
  const altered = async (name: string, change: (a: PeftAdapter) => void) => {
    const adapter = structuredClone(saved);
    change(adapter);
    await writeFolder(at(name), adapterFiles(adapter), { force: true });
    return at(name);
  };
  beforeAll(async () => {
    await train('fit', { method: 'dora', rank: 2, targets: ['v', 'up'] });
    saved = (await loadAdapter(at('fit'))) as PeftAdapter;
  });

  test('other values of the base: a warning that names the matrices', async () => {
    const name = 'model.layers.1.self_attn.v_proj.weight';
    const adapter = await altered('hash', (a) => (a.sha256![name] = '0'.repeat(64)));
    const said = warnings(await run(evaluateVerb, { data: [at('rows.jsonl')], adapter }));
    expect(said).toHaveLength(1);
    expect(said[0]).toContain(`other values of ${name}:`);
    expect(warnings(await train('hash-on', { adapter, steps: 1 }))[0]).toContain(name);
    expect(warnings(await run(exportVerb, { adapter, out: at('hash-merged') }))[0]).toContain(name);
  });

  test('another shape: an error that names the matrix and both shapes', async () => {
    const adapter = await altered('shape', (a) => {
      const m = a.matrices.find((m) => m.name.endsWith('1.mlp.up_proj.weight'))!;
      m.shape = [m.shape[0], 16];
      m.A = m.A.slice(0, 2 * 16);
    });
    const error = /expected model\.layers\.1\.mlp\.up_proj\.weight of shape 48 x 16 .* got 48 x 32 in the model/;
    await expect(run(evaluateVerb, { data: [at('rows.jsonl')], adapter })).rejects.toThrow(error);
    await expect(train('x', { adapter })).rejects.toThrow(error);
    await expect(run(exportVerb, { adapter, out: at('x') })).rejects.toThrow(error);
  });

  test('a matrix that the model has not', async () => {
    const adapter = await altered('layer', (a) => (a.matrices[0].name = 'model.layers.7.self_attn.v_proj.weight'));
    await expect(train('x', { adapter })).rejects.toThrow(/layers\.7\.self_attn\.v_proj.* got no such weight in the model/);
  });

  test('a method that is not the adapter’s', async () => {
    await expect(train('x', { adapter: at('fit'), method: 'lora' })).rejects.toThrow(
      /expected --method dora, as the adapter was trained, got --method lora; leave it out/,
    );
  });

  test('settings of blocks that it has none of', async () => {
    await expect(train('x', { adapter: at('fit'), optimizer: 'muon', muonScale: 'block' })).rejects.toThrow(
      /expected --muon-scale with --optimizer muon and blocks, got --method dora/,
    );
    await expect(train('x', { adapter: at('fit'), loraLr: 1e-3 })).rejects.toThrow(
      /expected --lora-lr with an adapter of smt\+lora, got one of dora; leave it out/,
    );
    await expect(train('x', { adapter: at('fit'), decayToward: 'base', weightDecay: 1 })).rejects.toThrow(
      /expected --decay-toward base with blocks .*, got --method dora/,
    );
  });
});
