// Gradients that are not finite: the steps are skipped, counted and shown, weights and moments stay as they are, and a run of nothing
// else ends, saved. Norms far over their median are told.
import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, describe, expect, test } from 'vitest';
import type { Line } from '../../src/report.ts';
import { troubleOf } from '../../src/train/trouble.ts';
import { writeModel } from '../cli/tiny.ts';
import { keepDevice } from '../gpu/kept.ts';
import { filesOf, of, run, tinyPlace } from './inprocess.ts';
import { spoil } from './spoil.ts';

keepDevice();

const place = tinyPlace();
afterAll(place.free);

const WORDS = ['--targets', 'q', '--budget', '20%t', '--block', '8', '--select', 'magnitude', '--batch', '1', '--lr', '0.01'];
const MODEL = place.at('model', 'model.safetensors');
const sound = readFileSync(MODEL);

test.each([
  ['NaN', Number.NaN],
  ['infinity', Number.POSITIVE_INFINITY],
])('%s in every embedding: the run ends after so many skips, saved, with cures', async (name, value) => {
  await spoil(MODEL, value);
  const heard: Line[] = [];
  const words = place.train(name, ...WORDS, '--steps', '14', '--max-skips', '4', '--checkpoint-every', '2');
  await expect(run(words, undefined, (line) => heard.push(line))).rejects.toThrow(
    /got 4 steps in a row without.*learning rate.*The run is saved at step/s,
  );
  const steps = of(heard, 'step');
  expect(steps.slice(0, 4).every((s) => s.skipped)).toBe(true);
  expect(steps.length).toBeLessThan(14);
  // resumed, it goes on counting where it stood
  await expect(run([...words, '--resume'])).rejects.toThrow(/steps in a row without/);
  writeFileSync(MODEL, sound);
});

test('in the rows of one token: those steps are skipped, and all others are as if they had not been', async () => {
  const rows = readFileSync(place.at('rows.jsonl'), 'utf8').trim().split('\n');
  const row = (word: string) => rows.find((text) => text.includes(`The ${word} is`))!;
  const tokens = JSON.parse(readFileSync(place.at('model', 'tokenizer.json'), 'utf8')).model.vocab as Record<string, number>;
  const own = Object.keys(tokens).find((token) => /frog/.test(token))!;
  expect(own).toBeDefined();
  const write = (...words: string[]) => writeFileSync(place.at('some.jsonl'), `${words.map(row).join('\n')}\n`);
  const words = (out: string, steps: string) => [
    ...[
      'train',
      '--model',
      place.at('untied'),
      '--data',
      place.at('some.jsonl'),
      '--out',
      place.at(out),
      '--tune',
      'off',
      ...WORDS,
    ],
    ...['--schedule', 'constant', '--lr-warmup', '0', '--no-shuffle', '--steps', steps],
  ];
  // the head is a matrix of its own: what the embedding has is met by its token alone
  writeModel(place.at('untied'), { tie_word_embeddings: false });
  await spoil(place.at('untied', 'model.safetensors'), Number.NaN, [tokens[own]]);
  write('cow', 'frog', 'dog', 'frog', 'frog', 'cat');
  const mixed = of(await run(words('mixed', '6')), 'step');
  expect(mixed.map((s) => s.skipped)).toEqual([false, true, false, true, true, false]);
  write('cow', 'dog', 'cat');
  await run(words('without', '3'));
  const weights = (out: string) => filesOf(place.at(out))['adapter_model.safetensors'];
  expect(weights('mixed').equals(weights('without'))).toBe(true);
});

describe('what is counted and told', () => {
  const listen = (more: { maxSkips?: number; spike?: number }) => {
    const told: string[] = [];
    const t = troubleOf(more, { row: 0, all: 0 }, (line) => line.kind === 'warning' && told.push(line.text));
    return { t, told };
  };

  test('forty skips among others: forty are counted', () => {
    const { t } = listen({ maxSkips: 3 });
    for (let step = 1; step <= 120; step++) expect(t.heard(step, 1, step % 3 === 0)).toBe(true);
    expect(t.skips).toEqual({ row: 1, all: 40 });
    expect(t.fault()).toBeUndefined();
  });

  test('in a row: the last of them ends the run', () => {
    const { t } = listen({ maxSkips: 3 });
    expect([1, 2, 3].map((step) => t.heard(step, Number.NaN, true))).toEqual([true, true, false]);
    expect(t.fault()).toMatch('got 3 steps in a row without, from step 1 on (3 in all)');
  });

  test('a norm over so many medians, once there are enough', () => {
    const { t, told } = listen({ spike: 10 });
    for (let step = 1; step <= 15; step++) t.heard(step, 1, false);
    t.heard(16, 99, false);
    expect(told).toEqual([]);
    t.heard(17, 9.9, false);
    t.heard(18, 10.5, false);
    t.heard(19, Number.NaN, true);
    expect(told).toEqual(["step 18: the gradient's norm is 10.50, 10.5 times its median of 1.000 over 17 steps"]);
  });

  test('not asked for, nothing is told', () => {
    const { t, told } = listen({});
    for (let step = 1; step <= 40; step++) t.heard(step, step, false);
    expect(told).toEqual([]);
  });
});
