// The worker's side of one's own model and data, without a worker and without a GPU: what is opened, read, seen and planned.
import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { methodFrom, tuneOptions } from '../../../src/commands/settings.ts';
import { gpuNamed } from '../../../src/gpus.ts';
import { METHOD_NAMES } from '../../../src/methods/index.ts';
import { type Options, withDefaults } from '../../../src/options/table.ts';
import {
  decoderFor,
  full,
  longestOf,
  openModel,
  orderRows,
  plan,
  type SeenRow,
  seeRows,
  smt,
  trainingCost,
} from '../../../src/parts.ts';
import type { DataFacts, Event, FileFrom } from '../../../web/own/calls.ts';
import { alike } from '../../../web/own/work/alike.ts';
import { type Bench, newBench } from '../../../web/own/work/bench.ts';
import { look, readOwn, viewRows } from '../../../web/own/work/data.ts';
import { openOwn } from '../../../web/own/work/model.ts';
import { fitOwn, planOwn } from '../../../web/own/work/plan.ts';
import { newFolder, writeModel } from '../../cli/tiny.ts';

const { at, free } = newFolder();
afterAll(free);
writeModel(at('model'));

const text = Array.from({ length: 30 }, (_, i) =>
  JSON.stringify({ question: `The owl is here. ${i}`, answer: ` It sings ${'é'.repeat(1 + (i % 7))}`, id: i }),
).join('\n');
const rows: FileFrom[] = [{ name: 'rows.jsonl', blob: new Blob([text]) }];
const told: Event[] = [];
let b: Bench;
let facts: DataFacts;
const O = { maxLength: 24, eval: '10%' };

beforeAll(async () => {
  b = newBench((event) => told.push(event));
  const files = readdirSync(at('model')).map((name) => ({ name, blob: new Blob([readFileSync(at('model', name))]) }));
  const model = await openOwn(b, { name: 'model', files });
  expect(model).toMatchObject({ family: 'llama', layers: 2, hidden_size: 32, formats: [{ format: 'f32' }], template: false });
  expect(model.matrices).toHaveLength(14);
  facts = await readOwn(b, { train: rows, held: null, o: O });
});

/** The same rows by the function behind the verb. */
async function seen(): Promise<SeenRow[]> {
  const all: SeenRow[] = [];
  const opened = await openModel(at('model'));
  const source = { name: 'rows.jsonl', size: text.length, close: async () => {} };
  const bytes = new TextEncoder().encode(text);
  await seeRows(
    opened,
    { ...source, size: bytes.length, read: async (from, n) => bytes.slice(from, from + n) },
    { maxLength: 24 },
    (row) => all.push(row),
  );
  return all;
}

test('what is seen is what the verb rows sees: ids, what is learned, what is cut', async () => {
  const wanted = await seen();
  const got = viewRows(b, { show: 'all', from: 0, count: 100 });
  expect(got.map((tokens) => tokens.map(({ id }) => id))).toEqual(wanted.map(({ ids }) => ids));
  expect(got.map((tokens) => tokens.map(({ learned }) => learned))).toEqual(
    wanted.map(({ labels }) => labels.map((l) => l !== -100)),
  );
  expect(got.map(([{ row }]) => [row!.index, row!.cut, row!.learned])).toEqual(
    wanted.map(({ index, cut, learned }) => [index, cut, learned]),
  );
  expect(got.map((tokens) => tokens.map((t) => t.text).join(''))).toEqual(wanted.map((row) => row.text));
  expect(got[0][0]).toMatchObject({ special: true, text: '<bos>' });
  expect(facts.lengths).toEqual(wanted.map(({ ids, cut }) => ids.length + cut));
});

test('what is told of the data adds up', async () => {
  const wanted = await seen();
  expect(facts).toMatchObject({
    rows: 30,
    train: 27,
    held: 3,
    nothing: 0,
    cut: wanted.filter(({ cut }) => cut > 0).length,
    unused: [{ name: 'id', rows: 30 }],
    tokens: wanted.reduce((n, { ids }) => n + ids.length, 0),
    learned: wanted.reduce((n, { learned }) => n + learned, 0),
  });
  expect(facts.cut).toBeGreaterThan(0);
});

test.each([
  ['held', 3],
  ['learned', 27],
  ['nothing', 0],
] as const)('rows that are %s are shown alone: %d', (show, n) =>
  expect(viewRows(b, { show, from: 0, count: 100 })).toHaveLength(n),
);

test('a page of rows is a part of them', () =>
  expect(viewRows(b, { show: 'all', from: 8, count: 8 }).map(([{ row }]) => row!.index)).toEqual([8, 9, 10, 11, 12, 13, 14, 15]));

describe('planned', () => {
  test.each([
    ['smt', { method: 'smt', budget: '30%t' } as const, smt({ budget: '30%t', targets: ['q_proj', 'k_proj', 'v_proj'] })],
    ['full', { method: 'full' } as const, full()],
  ])('%s as the library plans it', (_, o, method) => {
    const { train, warmup } = plan(b.opened!, { rows: b.data!.rows, held: b.data!.held }, { method, planning: b.planning });
    const found = planOwn(b, { o: { ...O, ...o }, gpu: 'M2' });
    expect(found).toMatchObject({
      train,
      warmup,
      peak: Math.max(train.bytes.total, warmup?.bytes.total ?? 0),
      over: false,
      steps: 7,
    });
    expect(found.expected!.ms).toBeGreaterThan(0);
  });
  test('the time of a step is told where the GPU is known, and grows with what a step holds', () => {
    const o = { ...O, method: 'full' } as const;
    expect(planOwn(b, { o, gpu: null }).expected).toBeNull();
    const { expected } = planOwn(b, { o, gpu: 'M2' });
    const once = expected!.ms;
    expect(planOwn(b, { o: { ...o, accumulate: 3 }, gpu: 'M2' }).expected!.ms).toBeCloseTo(3 * once, 6);
  });
  test('what a step costs is counted as plan --cost counts it, for the adapter at hand', () => {
    const o = { ...O, method: 'smt', budget: '30%t' } as const;
    expect(planOwn(b, { o, gpu: null }).costs).toEqual([]);
    const { costs, expected } = planOwn(b, { o, gpu: 'M2' });
    expect(costs.map((c) => [c.kind, c.program, c.gpu])).toEqual(
      ['warmup', 'train', 'decode'].map((p) => ['cost', p, expect.stringContaining('M2')]),
    );
    const settled = withDefaults(o);
    const method = methodFrom(settled);
    const settings = tuneOptions(settled, method);
    const { rows, held } = b.data!;
    const decoder = decoderFor(b.opened!.files)(longestOf(rows, held), settled.base, b.planning.maxBinding);
    const counted = trainingCost(
      decoder,
      method,
      { ...settings, ...orderRows(rows, settings, held), recompute: false },
      b.planning,
      gpuNamed('M2'),
    );
    expect(costs[1]).toMatchObject(counted);
    expect(expected!.ms).toBe(settled.accumulate * counted.expected!.ms);
  });
  test('beside a software adapter what a GPU would do is counted, not what that one does', () => {
    const o = { ...O, method: 'smt', budget: '30%t' } as const;
    const { costs } = planOwn({ ...b, planning: { ...b.planning, software: true, subgroups: 8 } }, { o, gpu: 'M2' });
    expect(costs).toEqual(planOwn(b, { o, gpu: 'M2' }).costs);
    expect(Math.min(...costs.map((c) => c.min_workgroup))).toBeGreaterThanOrEqual(32);
  });
  test('what is too much is said, and made to fit by the plan itself', () => {
    const o = { ...O, budget: '30%t', recompute: 'off' } as const;
    const { peak } = planOwn(b, { o, gpu: null });
    const memory = `${Math.round(0.8 * (peak / 1000))}KB`;
    expect(planOwn(b, { o: { ...o, memory }, gpu: null })).toMatchObject({
      over: true,
      note: expect.stringContaining('`memory`'),
    });
    const { changes } = fitOwn(b, { ...o, memory });
    expect(planOwn(b, { o: { ...o, memory, ...changes }, gpu: null }).over).toBe(false);
  });
  test('a method that does not fit the model says why', () =>
    expect(() => planOwn(b, { o: { ...O, method: 'topk-layers', layers: 9 }, gpu: null })).toThrow(/at most 2/));
});

describe('the other methods at the size of a run', () => {
  const found = () => alike(b, { ...O, budget: '30%t', lr: 0.1, targets: ['q', 'v'] });
  test('every method is there once, this one first and as it is', () => {
    expect(found().map(({ method }) => method)).toEqual(METHOD_NAMES);
    expect(found()[0]).toEqual({ method: 'smt', o: { ...O, budget: '30%t', lr: 0.1, targets: ['q', 'v'] } });
  });
  test.each(['lora', 'dora'])('%s trains about as much, of the same matrices, at its own rate', (method) => {
    const one = found().find((each) => each.method === method)!;
    const size = (o: Options) => planOwn(b, { o, gpu: null }).train.trainable;
    const wanted = size(found()[0].o!);
    expect(size(one.o!) / wanted).toBeGreaterThan(0.7);
    expect(size(one.o!) / wanted).toBeLessThan(1.3);
    expect(one.o).toMatchObject({ method, targets: ['q', 'v'] });
    expect(one.o).not.toHaveProperty('lr');
    expect(one.o).not.toHaveProperty('budget');
  });
  test('each moves by its own optimizer, whatever this one was told', () => {
    const all = alike(b, { ...O, budget: '30%t', optimizer: 'muon', muonScale: 'block', targets: ['q', 'v'] });
    const [mine, ...others] = all.map(({ o }) => o);
    expect(mine).toMatchObject({ optimizer: 'muon', muonScale: 'block' });
    expect(others.find((o) => o?.method === 'full')).toBeDefined();
    for (const o of others) expect([o?.optimizer, o?.muonScale]).toEqual([undefined, undefined]);
  });
  test('a method that has no such size says why', () => {
    const tiny = alike(b, { ...O, method: 'lora', rank: 1, targets: ['k'] });
    expect(tiny.find(({ method }) => method === 'smt')).toEqual({ method: 'smt', why: expect.stringMatching(/a block of/) });
  });
});

test('held-out rows of a file of their own are all held out', async () => {
  const own = newBench(() => {});
  own.opened = b.opened;
  const found = await readOwn(own, {
    train: rows,
    held: [{ name: 'h.jsonl', blob: new Blob([text.split('\n').slice(0, 4).join('\n')]) }],
    o: {},
  });
  expect([found.train, found.held, found.rows]).toEqual([30, 4, 34]);
  expect(viewRows(own, { show: 'held', from: 0, count: 9 })).toHaveLength(4);
});

test.each([
  ['{"input_ids":[0,5,6],"labels":[-100,-100,-100]}', /a token to learn in some row, got none in any of 1/],
  ['{"a":1}', /expected columns that make a row/],
])('%s: nothing to learn, or no row, is an error', async (line, words) => {
  const own = newBench(() => {});
  own.opened = b.opened;
  await expect(readOwn(own, { train: [{ name: 'x.jsonl', blob: new Blob([line]) }], held: null, o: {} })).rejects.toThrow(words);
  expect(own.data).toBeNull();
});

test('data is looked at without a model', async () =>
  expect(await look(rows)).toEqual([
    {
      name: 'rows.jsonl',
      rows: 30,
      columns: ['question', 'answer', 'id'],
      detected: { prompt: 'question', completion: 'answer' },
    },
  ]));
