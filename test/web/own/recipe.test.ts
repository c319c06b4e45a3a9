// The page's recipe as JSON and as a command line says what the form says; and a run is made to fit, the cheapest way first.
import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { parseCommand } from '../../../src/options/args.ts';
import { type Options, withDefaults } from '../../../src/options/table.ts';
import { changesThatFit } from '../../../web/own/fit.ts';
import { commandOf, readText, recipeText, withPlaces } from '../../../web/own/recipe-text.ts';

const words = (line: string) =>
  execFileSync('sh', ['-c', `printf '%s\\0' ${line}`], { encoding: 'utf8' })
    .split('\0')
    .slice(2, -1);

describe.each<[string, Options]>([
  ['smt', { budget: '5%t', targets: ['q', 'v'], lr: 5e-3, steps: 20, eval: '10%', evalEvery: 5 }],
  ['lora', { method: 'lora', rank: 4, dropout: 0.1, epochs: 2, columns: "prompt=the 'q',completion=a $b" }],
  ['full', { method: 'full', memory: '6GB', recompute: 'on', noShuffle: true }],
  ['a preset', { preset: 'smt-paper', accumulate: 2, base: 'q8_0' }],
])('%s', (_, options) => {
  test('as a command line gives the same settings', () => {
    const parsed = parseCommand(words(commandOf(options)));
    expect(parsed).toMatchObject({ kind: 'run', verb: 'train' });
    const { given: __, out, ...settled } = withDefaults((parsed as { options: Options }).options);
    const { given: ___, ...own } = withDefaults(options);
    expect([settled, out]).toEqual([own, 'adapter']);
  });
  test('as JSON, loaded again, too', () => {
    const { options: read, named } = readText(recipeText(options));
    const { given: __, preset: ___, ...settled } = withDefaults(read);
    const { given: ____, preset: _____, ...own } = withDefaults(options);
    expect(settled).toEqual(own.steps === undefined && own.epochs === undefined ? { ...own, epochs: 1 } : own);
    expect(named).toEqual([]);
  });
});

describe('places', () => {
  const blob = new Blob();
  const folder = {
    name: 'SmolLM',
    files: [
      { name: 'config.json', blob },
      { name: 'model.safetensors', blob },
    ],
  };
  test('a folder and files by their names', () =>
    expect(withPlaces({}, { model: folder, train: [{ name: 'a b.jsonl', blob }], held: null })).toEqual({
      model: 'SmolLM',
      data: ['a b.jsonl'],
    }));
  test('a single file by its own', () =>
    expect(withPlaces({}, { model: { name: 'x', files: [{ name: 'm.gguf', blob }] }, train: null, held: null })).toEqual({
      model: 'm.gguf',
    }));
  test('a hub name as it was typed', () =>
    expect(withPlaces({}, { model: { name: 'o/n', address: 'hf:o/n' }, train: null, held: null })).toEqual({ model: 'hf:o/n' }));
  test('the built-in model is what a command has anyway', () => {
    const own = { name: 'own', files: [{ name: 'config.json', address: 'x' }] };
    expect(withPlaces({}, { model: own, train: [{ name: 't', address: 'y' }], held: null })).toEqual({});
  });
});

test.each([
  ['{', /expected a recipe in JSON/],
  ['{"stepz":1}', /stepz is no option of train/],
  ['{"method":"lora","budget":"5%"}', /expected --budget with --method smt/],
])('%j is no recipe', (text, fault) => expect(() => readText(text)).toThrow(fault));

test('files that a recipe names are told, as the page opens none by itself', () =>
  expect(readText('{"model":"M","data":["a.jsonl"],"eval":"held.jsonl","steps":3}')).toEqual({
    options: { steps: 3 },
    named: ['model M', 'data a.jsonl', 'held-out rows held.jsonl'],
  }));

describe('made to fit', () => {
  // weights 100, activations 80 a row of the micro-batch, halved where layers are made again
  const peak = ({ batch = 4, recompute, base }: Options) =>
    ({ q8_0: 30, q4_0: 20 })[base as string] ?? 100 + batch * (recompute === 'on' ? 40 : 80);
  const fit = (memory: string, given: Options = {}, storedAnyhow = true) =>
    changesThatFit({ ...given, memory }, storedAnyhow, (o) => 1e6 * (((base) => (base ? base : 0))(0) + peakOf(o)));
  const peakOf = (o: Options) =>
    (o.base ? (peak({ base: o.base }) as number) : 100) + (o.batch ?? 4) * (o.recompute === 'on' ? 40 : 80);

  test('nothing is changed that need not be', () => expect(fit('500MB')).toEqual({ changes: {}, said: [], peak: 420e6 }));
  test('layers are made again first', () => {
    const { changes, said } = fit('300MB');
    expect(changes).toEqual({ recompute: 'on' });
    expect(said).toEqual([expect.stringContaining('Recompute layers')]);
  });
  test('then micro-batches are smaller, with as many rows a step', () => {
    const { changes, said } = fit('150MB', { accumulate: 2 });
    expect(changes).toEqual({ recompute: 'on', batch: 1, accumulate: 8 });
    expect(said).toHaveLength(2);
    expect(said[1]).toContain('a step still has 8 rows');
  });
  test('then the base is stored in fewer bits', () => {
    expect(fit('80MB').changes).toEqual({ recompute: 'on', batch: 1, accumulate: 4, base: 'q8_0' });
    expect(fit('65MB').changes).toEqual({ recompute: 'on', batch: 1, accumulate: 4, base: 'q4_0' });
  });
  test('not where the base itself trains', () => expect(fit('80MB', {}, false).changes).toBeNull());
  test('what nothing mends is said with what it would still take', () => {
    const { changes, said } = fit('5MB');
    expect(changes).toBeNull();
    expect(said.at(-1)).toMatch(/would still take 60.0.MB/);
  });
});
