// Answers by one adapter after another on a model that is loaded once: of runs, and of a folder that was opened; and what each token's
// probability is.
import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Options, withDefaults } from '../../../src/options/table.ts';
import { lossOf, NOT_LEARNED, promptIds, putOn, takeOff } from '../../../src/parts.ts';
import { openAdapter } from '../../../web/own/work/adapters.ts';
import { type Bench, newBench } from '../../../web/own/work/bench.ts';
import { readOwn } from '../../../web/own/work/data.ts';
import { dropModel } from '../../../web/own/work/device.ts';
import { openOwn } from '../../../web/own/work/model.ts';
import { askOwn, resultOf, trainOwn } from '../../../web/own/work/run.ts';
import { newFolder, writeModel } from '../../cli/tiny.ts';

const { at, free } = newFolder();
writeModel(at('model'));
const rows = Array.from({ length: 12 }, (_, i) =>
  JSON.stringify({ prompt: `The owl is here. ${i}`, completion: ` It sings ${i}` }),
);
const O: Options = { steps: 4, lr: 5e-3, warmupSteps: 1, tune: 'off', seed: 3 };
const { signal } = new AbortController();
let b: Bench;

beforeAll(async () => {
  b = newBench(() => {});
  const files = readdirSync(at('model')).map((name) => ({ name, blob: new Blob([readFileSync(at('model', name))]) }));
  await openOwn(b, { name: 'model', files });
  await readOwn(b, { train: [{ name: 'rows.jsonl', blob: new Blob([rows.join('\n')]) }], held: null, o: O });
});
afterAll(() => {
  dropModel(b);
  free();
});

const train = (number: number, o: Options) =>
  trainOwn(b, { o: { ...O, ...o }, number, prompts: 0, resume: false }, { signal, hold: () => undefined });
const ask = (by: string | null) =>
  askOwn(b, { prompt: 'The owl is here. 1', chat: false, off: [], temperature: 0, seed: 0, by }, { signal });

test('each run’s adapter answers again to the bit, and so does the last one behind it', async () => {
  await train(1, { method: 'smt', budget: '30%t' });
  const first = await ask(null);
  const { model } = b.loaded!;
  await train(2, { method: 'lora', rank: 2 });
  const second = await ask(null);
  expect(second.pieces!.after).not.toEqual(first.pieces!.after);
  expect(second.pieces!.before).toEqual(first.pieces!.before);
  expect(await ask('1')).toEqual(first);
  expect(await ask(null)).toEqual(second);
  expect(await ask('2')).toEqual(second);
  expect(b.loaded!.model).toBe(model);
});

test('an adapter’s folder is opened and answers as the run that left it', async () => {
  const files = await resultOf(b);
  const last = await ask(null);
  expect(await openAdapter(b, { name: 'mine', files: files.map(({ name, blob }) => ({ name, blob })) })).toEqual([]);
  expect(await ask('mine')).toEqual(last);
});

test('what is no adapter of this model is said, and what is there stays', async () => {
  const last = await ask(null);
  const broken = [{ name: 'adapter_config.json', blob: new Blob(['{']) }];
  await expect(openAdapter(b, { name: 'broken', files: broken })).rejects.toThrow('expected');
  await expect(ask('broken')).rejects.toThrow('expected an adapter that is open, got broken: open it again.');
  expect(await ask(null)).toEqual(last);
});

test('probabilities of an answer’s tokens are those of its loss', async () => {
  const { before, pieces } = await ask(null);
  const said = pieces!.before!.map(([text]) => text).join('');
  expect(said.trim()).toBe(before);
  const prompt = Array.from(await promptIds(b.opened!, 'The owl is here. 1', false));
  const ids = Int32Array.from([...prompt, ...b.opened!.tokenizer.encode(said, { special: false, continued: true })]);
  expect(ids).toHaveLength(prompt.length + pieces!.before!.length);
  const labels = ids.map((id, i) => (i < prompt.length ? NOT_LEARNED : id));
  const { attached } = b.tuned!.made!;
  takeOff(attached);
  const { loss } = await lossOf(b.loaded!.model, [{ ids, labels, promptLength: prompt.length }], withDefaults({}).batch);
  putOn(attached);
  const nats = pieces!.before!.map(([, p]) => -Math.log(p));
  expect(nats.reduce((sum, x) => sum + x, 0) / nats.length).toBeCloseTo(loss, 5);
});

test('where the base itself was trained, other adapters wait for it to be opened anew', async () => {
  await train(3, { method: 'full' });
  await expect(ask('1')).rejects.toThrow('got one that the last run has trained itself: choose the model again first.');
  expect((await ask(null)).after).not.toBeNull();
});
