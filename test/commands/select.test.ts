// The verb `select`: how steady its choice is, and that a stopped one leaves nothing.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { selectVerb } from '../../src/commands/select.ts';
import { methodFrom, tuneOptions } from '../../src/commands/settings.ts';
import { trainVerb } from '../../src/commands/train.ts';
import { loadAdapter, partsOf, type SmtAdapter } from '../../src/io/adapter.ts';
import { type Options, withDefaults } from '../../src/options/table.ts';
import { freeModel, loadModel, openModel, overlap, type Selection, selectionIn, tune } from '../../src/parts.ts';
import type { Line } from '../../src/report.ts';
import { newFolder, writeModel } from '../cli/tiny.ts';
import { testGpu } from '../gpu/harness.ts';
import { rowsOf } from '../models/tiny.ts';

const ROWS = rowsOf([9, 14, 11, 17, 8, 13, 10, 12]);

const folder = newFolder();
const { at } = folder;
afterAll(folder.free);
beforeAll(() => {
  writeModel(at('model'));
  const line = ({ ids, labels }: (typeof ROWS)[number]) => JSON.stringify({ input_ids: [...ids], labels: [...labels] });
  const write = (name: string, rows: typeof ROWS) => writeFileSync(at(name), rows.map(line).join('\n'));
  write('rows.jsonl', ROWS);
  write('head.jsonl', ROWS.slice(0, 4));
  write('tail.jsonl', ROWS.slice(4));
});

async function select(data: string, given: Options, hear: (line: Line, stop: AbortController) => void = () => {}) {
  const heard: Line[] = [];
  const stop = new AbortController();
  const settings: Options = { targets: ['q', 'v'], block: 8, budget: '10b', batch: 2, noShuffle: true, tune: 'off' };
  const o = withDefaults({ model: at('model'), data: [at(data)], ...settings, ...given });
  const report = (line: Line) => {
    heard.push(line);
    hear(line, stop);
  };
  await selectVerb({ o, files: [], report, signal: stop.signal });
  return heard;
}

const chosenIn = (lines: Line[]): Selection => selectionIn(lines.find((line) => line.kind === 'selection')!);

test('stability is the overlap of what either half of the warm-up chooses', async () => {
  const lines = await select('rows.jsonl', { warmupSteps: 4, stability: true });
  const whole = chosenIn(lines);
  const one = chosenIn(await select('head.jsonl', { warmupSteps: 2 }));
  const other = chosenIn(await select('tail.jsonl', { warmupSteps: 2 }));
  const line = lines.at(-1) as Extract<Line, { kind: 'stability' }>;
  expect(line).toEqual({
    kind: 'stability',
    steps: 2,
    halves: overlap(one, other),
    whole: [overlap(whole, one), overlap(whole, other)],
    by_chance: expect.closeTo(10 / 48, 12), // q [32, 32] and v [16, 32] of two layers are 48 blocks
  });
  expect(line.halves).toBeLessThan(1);
});

test('explained: what each spread chooses, as it would be chosen', async () => {
  const lines = await select('rows.jsonl', { warmupSteps: 4, explain: true });
  const line = lines.find((l) => l.kind === 'explained') as Extract<Line, { kind: 'explained' }>;
  expect(line.matrices).toHaveLength(4);
  const choices = { fair: chosenIn(lines), apart: chosenIn(lines), global: chosenIn(lines), matrix: chosenIn(lines) };
  for (const spread of ['apart', 'global', 'matrix'] as const)
    choices[spread] = chosenIn(await select('rows.jsonl', { warmupSteps: 4, spread }));
  for (const { layer, module, score, ...shares } of line.matrices) {
    expect(score).toBeGreaterThan(0);
    const blocks = module === 'q_proj' ? 16 : 8; // [32, 32] and [16, 32] by 8
    for (const spread of ['fair', 'apart', 'global', 'matrix'] as const)
      expect(shares[spread] * blocks).toBeCloseTo(
        choices[spread].blocks.filter((b) => b.layer === layer && b.module === module).length,
        9,
      );
  }
  expect(line.overlap).toEqual({
    fair_apart: overlap(choices.fair, choices.apart),
    fair_global: overlap(choices.fair, choices.global),
    fair_matrix: overlap(choices.fair, choices.matrix),
    apart_global: overlap(choices.apart, choices.global),
    apart_matrix: overlap(choices.apart, choices.matrix),
    global_matrix: overlap(choices.global, choices.matrix),
  });
  expect(lines.at(-1)!.kind).toBe('stability');
});

test.each(['smt', 'smt+lora'] as const)('a run of %s that is asked to tells what select explains', async (method) => {
  const o = {
    targets: ['q', 'v'],
    block: 8,
    budget: method === 'smt' ? '10b' : '17b',
    batch: 2,
    noShuffle: true,
    warmupSteps: 4,
  };
  const settled = withDefaults({ ...o, method, steps: 1, tune: 'off', lr: 1e-3 } as Options);
  const [gpu, opened] = [await testGpu(), await openModel(at('model'))];
  const model = await loadModel(gpu, opened, { longest: 32 });
  const rows = ROWS.map(({ ids, labels }) => ({ ids, labels, promptLength: 0 }));
  const lines: Line[] = [];
  await tune(model, { rows }, { ...tuneOptions(settled, methodFrom(settled)), explain: true }, (line) => lines.push(line));
  freeModel(model);
  await opened.files.close();
  const explained = (await select('rows.jsonl', { warmupSteps: 4, explain: true })).find((l) => l.kind === 'explained');
  expect(lines.find((l) => l.kind === 'explained')).toEqual(explained);
});

test('a warm-up of one step has no halves', async () => {
  const one = select('rows.jsonl', { targets: ['q'], budget: '2b', batch: 8, stability: true });
  await expect(one).rejects.toThrow(/at least 2 steps for --stability, got 1/);
});

test('what is chosen is written; stopped in the warm-up, nothing is', async () => {
  const files = { out: at('chosen.json'), scores: at('scores.safetensors'), warmupSteps: 4 };
  const stopped = await select('rows.jsonl', files, (line, stop) => {
    if (line.kind === 'warmup') stop.abort();
  });
  expect(stopped.filter((line) => line.kind === 'warmup')).toHaveLength(1);
  expect(stopped.some((line) => line.kind === 'selection')).toBe(false);
  expect(stopped.at(-1)).toMatchObject({ kind: 'warning', text: expect.stringContaining('nothing written') });
  expect([existsSync(files.out), existsSync(files.scores)]).toEqual([false, false]);
  const whole = chosenIn(await select('rows.jsonl', files));
  expect(selectionIn(JSON.parse(readFileSync(files.out, 'utf8')))).toEqual(whole);
  expect(existsSync(files.scores)).toBe(true);
});

test.each(['out', 'scores'] as const)(
  'an existing file at --%s is refused before anything is loaded, and with force replaced',
  async (taken) => {
    const files = {
      out: at(`${taken}-made`, 'out.json'),
      scores: at(`${taken}-made`, 'scores.safetensors'),
      [taken]: at(`${taken}.old`),
    };
    writeFileSync(files[taken], 'mine');
    const heard: Line[] = [];
    const refused = select('rows.jsonl', { ...files, warmupSteps: 2 }, (line) => heard.push(line));
    await expect(refused).rejects.toThrow(/expected nothing at .*\.old, got an existing file; .*force/);
    expect(heard).toEqual([]);
    expect(existsSync(at(`${taken}-made`))).toBe(false);
    expect(readFileSync(files[taken], 'utf8')).toBe('mine');
    const whole = chosenIn(await select('rows.jsonl', { ...files, warmupSteps: 2, force: true }));
    expect(selectionIn(JSON.parse(readFileSync(files.out, 'utf8')))).toEqual(whole);
    expect(readFileSync(files.scores).length).toBeGreaterThan(4);
  },
);

test.each(['smt', 'smt+lora'])(
  'an adapter of blocks that are given is whole, also where its %s was told other targets',
  async (method) => {
    const selection = at(`${method}.json`);
    const chosen = chosenIn(await select('rows.jsonl', { targets: ['o'], warmupSteps: 2, out: selection }));
    const data = [at('rows.jsonl')];
    const options: Options = { model: at('model'), data, method, selection, steps: 1, lr: 0.01, tune: 'off', out: at(method) };
    await trainVerb({ o: withDefaults(options), files: [], report: () => {}, signal: new AbortController().signal });
    const adapter = await loadAdapter(at(method));
    const blocks = partsOf(adapter).find((part) => part.method === 'smt') as SmtAdapter;
    expect(blocks.targets).toEqual(['q', 'k', 'v', 'o']);
    expect(blocks.matrices.map(({ name }) => name).every((name) => name.endsWith('o_proj.weight'))).toBe(true);
    expect(blocks.matrices.reduce((n, { index }) => n + index.length / 2, 0)).toBe(chosen.blocks.length);
  },
);
