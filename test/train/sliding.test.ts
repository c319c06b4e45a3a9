// A model with a sliding window: rows that fit into it come out as without one, longer ones are refused before anything is computed.
import { afterAll, expect, test } from 'vitest';
import { writeModel, writeRows } from '../cli/tiny.ts';
import { keepDevice } from '../gpu/kept.ts';
import { of, run, tinyPlace } from './inprocess.ts';

keepDevice();
const place = tinyPlace();
const { at } = place;
afterAll(place.free);

const model = (sliding_window: number | null) =>
  writeModel(at(`mistral-${sliding_window}`), { model_type: 'mistral', architectures: ['MistralForCausalLM'], sliding_window });
const ids = (n: number) => ({ input_ids: Array.from({ length: n }, (_, i) => 2 + (i % 20)) });
const evalOf = (window: number | null, rows: string, ...more: string[]) =>
  run(['eval', '--model', model(window), '--data', rows, '--per-example', '--tune', 'off', ...more]);

test('rows as long as the window', async () => {
  const rows = writeRows(at('fit.jsonl'), [ids(24), ids(9)]);
  expect(of(await evalOf(24, rows), 'example')).toEqual(of(await evalOf(null, rows), 'example'));
});

test('longer ones are refused, and read where they are cut', async () => {
  const rows = writeRows(at('long.jsonl'), [ids(25), ids(9)]);
  await expect(evalOf(24, rows)).rejects.toThrow(
    /at most 24 tokens, as this model's sliding_window is, got 25; lower --max-length/,
  );
  const cut = of(await evalOf(24, rows, '--max-length', '24'), 'example');
  expect(cut).toEqual(of(await evalOf(null, rows, '--max-length', '24'), 'example'));
});

test('a prompt counts with its answer', async () => {
  const words = ['generate', '--model', model(24), '--data', writeRows(at('ask.jsonl'), [ids(20)]), '--tune', 'off'];
  await expect(run([...words, '--max-new-tokens', '5'])).rejects.toThrow(/at most 24 tokens.* got 25; .*--max-new-tokens/);
  expect(of(await run([...words, '--max-new-tokens', '4']), 'generation')).toHaveLength(1);
});

test('a plan from the config alone says so too', async () => {
  const words = ['plan', '--model', model(24), '--batch', '1'];
  await expect(run(words)).rejects.toThrow(/at most 24 tokens/);
  expect(of(await run([...words, '--max-length', '24']), 'plan').length).toBeGreaterThan(0);
});
