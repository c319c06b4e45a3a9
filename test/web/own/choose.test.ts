// Blocks chosen again by scores that are known: what `select` would choose by a warm-up of its own, and a run to the same bits.
import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { methodFrom, methodSettings, tuneOptions } from '../../../src/commands/settings.ts';
import { read } from '../../../src/gpu/tensor.ts';
import { type Options, withDefaults } from '../../../src/options/table.ts';
import { lossOf, prepareRun, putOn, selectBlocks, takeOff } from '../../../src/parts.ts';
import type { Event } from '../../../web/own/calls.ts';
import { type Bench, dataOf, newBench } from '../../../web/own/work/bench.ts';
import { readOwn } from '../../../web/own/work/data.ts';
import { dropModel } from '../../../web/own/work/device.ts';
import { openOwn } from '../../../web/own/work/model.ts';
import { planOwn } from '../../../web/own/work/plan.ts';
import { askOwn, trainOwn } from '../../../web/own/work/run.ts';
import { chooseOwn, scoreOwn } from '../../../web/own/work/scored.ts';
import { newFolder, writeModel } from '../../cli/tiny.ts';

const { at, free } = newFolder();
writeModel(at('model'));
const text = Array.from({ length: 12 }, (_, i) =>
  JSON.stringify({ prompt: `The owl is here. ${i}`, completion: ` It sings ${i}` }),
);
const O: Options = { budget: '30%t', warmupSteps: 2, steps: 3, lr: 1e-3, tune: 'off' };
const { signal } = new AbortController();
const told: Event[] = [];
let b: Bench;

beforeAll(async () => {
  b = newBench((event) => told.push(event));
  const files = readdirSync(at('model')).map((name) => ({ name, blob: new Blob([readFileSync(at('model', name))]) }));
  await openOwn(b, { name: 'model', files });
  await readOwn(b, { train: [{ name: 'rows.jsonl', blob: new Blob([text.join('\n')]) }], held: null, o: { ...O, eval: '25%' } });
});
afterAll(() => {
  dropModel(b);
  free();
});

async function losses(): Promise<number[]> {
  told.length = 0;
  await trainOwn(b, { o: O, number: 1, prompts: 0, resume: false }, { signal, hold: () => undefined });
  return told.flatMap((event) => (event.kind === 'step' ? [event.loss] : []));
}

const ASKED = { prompt: 'The owl is here. 1', chat: false, off: [], temperature: 0, seed: 0, by: null };

test('without scores there is nothing to choose by', () => expect(() => chooseOwn(b, O)).toThrow('score the blocks first'));

test('a run by scores that are known has no warm-up, and the bits of one that has', async () => {
  const own = await losses();
  const warmedUp = told.some(({ kind }) => kind === 'warmup');
  expect(own).toHaveLength(3);
  expect(await losses()).toEqual(own); // its scores are known now
  expect(b.tuned!.record!.curve.warmup).toHaveLength(2); // its receipt is that of the first
  expect([warmedUp, told.some(({ kind }) => kind === 'warmup')]).toEqual([true, false]);
});

test('blocks that are switched off change the held-out loss, and come back to the bit', async () => {
  const { attached } = b.tuned!.made!;
  const { model } = b.loaded!;
  const { held } = dataOf(b);
  const bits = () => Promise.all(attached.trained.map((t) => read(model.gpu.memory, t.value)));
  const before = await bits();
  expect(before[0].some((x) => x !== 0)).toBe(true);
  const { blocks } = chooseOwn(b, O);
  const ask = (off: typeof blocks) => askOwn(b, { ...ASKED, off }, { signal });
  const { without: all } = await ask(blocks);
  expect(await bits()).toEqual(before);
  takeOff(attached);
  const { loss: base } = await lossOf(model, held!, withDefaults({}).batch);
  putOn(attached);
  expect(all!.loss!.without).toBeCloseTo(base, 6); // without all that was trained it is the base
  const { without: one } = await ask(blocks.slice(0, 1));
  expect(one!.loss!.all).toBe(all!.loss!.all);
  expect(one!.loss!.without).not.toBe(one!.loss!.all);
  expect(one!.loss!.without).not.toBe(all!.loss!.without);
  expect(await bits()).toEqual(before);
});

test('an answer is told as it grows, and is kept as far as it goes where it is stopped', async () => {
  told.length = 0;
  const { before, after } = await askOwn(b, ASKED, { signal });
  const said = (from: typeof told) => from.flatMap((event) => (event.kind === 'saying' ? [event.reply] : []));
  const texts = said(told).flatMap((reply) => reply.after ?? []);
  expect(texts.length).toBeGreaterThan(8);
  expect(texts.filter((text, i) => i > 0 && text.length < texts[i - 1].length - 1)).toEqual([]);
  expect([texts.at(-1), said(told).at(-1)!.before]).toEqual([after, before]);

  const stop = new AbortController();
  const heard = b.tell;
  b.tell = (event) => {
    heard(event);
    if (event.kind === 'saying' && event.reply.after === texts[3]) stop.abort();
  };
  const stopped = await askOwn(b, ASKED, stop);
  b.tell = heard;
  expect(stopped.before).toBeNull();
  expect(after!.startsWith(stopped.after!)).toBe(true);
  expect(stopped.after!.length).toBeLessThan(after!.length);
});

test('a temperature draws by its seed', async () => {
  const drawn = async (seed: number) => (await askOwn(b, { ...ASKED, temperature: 1, seed }, { signal })).before;
  const first = await drawn(1);
  expect(await drawn(1)).toBe(first);
  expect(await drawn(2)).not.toBe(first);
});

test.each<Options>([
  { budget: '10%t' },
  { budget: '60%t', spread: 'global' },
  { budget: '45%t', spread: 'matrix' },
  { budget: '3b' },
])('at %o it is the choice of select', async (change) => {
  const given = { ...O, ...change };
  if (b.scored === null) await scoreOwn(b, O, { signal });
  const got = chooseOwn(b, given);
  const o = withDefaults(given);
  const { rows, held } = dataOf(b);
  const run = await prepareRun(b.loaded!.model, { rows, held }, tuneOptions(o, methodFrom(o)), () => {});
  const { block, blocks } = (await selectBlocks(run, methodSettings(o)))!;
  expect({ block: got.block, blocks: got.blocks }).toEqual({ block, blocks });
  expect(planOwn(b, { o: given, gpu: null })).toMatchObject({
    warmup: null,
    train: { trainable: blocks.length * block * block, bound: false },
  });
});

test('other settings of the scores make them stale', () =>
  expect(() => chooseOwn(b, { ...O, score: 'l2' })).toThrow('score the blocks first'));
