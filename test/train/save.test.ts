// What cannot be written is refused before the run, not after it.
import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, expect, test } from 'vitest';
import { memorySource } from '../../src/io/bytes.ts';
import { readGguf } from '../../src/io/gguf.ts';
import type { Line } from '../../src/report.ts';
import { newFolder, writeRows } from '../cli/tiny.ts';
import { FIXTURES } from '../io/shared.ts';
import { run } from './inprocess.ts';

const { at, free } = newFolder();
afterAll(free);
writeRows(at('rows.jsonl'), [{ input_ids: [1, 2, 3, 4], labels: [-100, 2, 3, 4] }]);

/** A GGUF whose rope_freqs.weight holds factors that no config.json can say. */
async function withFactors(path: string): Promise<string> {
  const bytes = new Uint8Array(readFileSync(`${FIXTURES}/tiny-llama-q8_0.gguf`));
  const { tensors } = await readGguf(memorySource(bytes));
  const { offset, bytes: size } = tensors.get('rope_freqs.weight')!;
  const factors = Float32Array.from({ length: size / 4 }, (_, i) => 1 + 3 * (i % 2));
  bytes.set(new Uint8Array(factors.buffer), offset);
  writeFileSync(path, bytes);
  return path;
}

const attempt = async (...words: string[]) => {
  const heard: Line[] = [];
  const steps = ['--data', at('rows.jsonl'), '--steps', '1', '--batch', '1', '--tune', 'off', '--out', at('out')];
  const error = await run(['train', ...words, ...steps], undefined, (line) => heard.push(line)).catch((e: Error) => e.message);
  return { error, trained: heard.some(({ kind }) => kind === 'step') };
};

test.each([['full'], ['topk-layers', '--layers', '1']])(
  '%s of a GGUF with RoPE factors of its own: no config.json can say them',
  async (...method) => {
    const { error, trained } = await attempt('--model', await withFactors(at('factors.gguf')), '--method', ...method);
    expect(error).toMatch(/expected RoPE factors that config.json can say.*, got rope_freqs\.weight/);
    expect(trained).toBe(false);
  },
);

test('an adapter of the same model says nothing of RoPE', async () => {
  const words = ['--targets', 'q', '--block', '8', '--budget', '1b', '--select', 'magnitude'];
  const { error, trained } = await attempt('--model', await withFactors(at('factors.gguf')), ...words);
  expect(Array.isArray(error)).toBe(true);
  expect(trained).toBe(true);
});

test.each(['q8_0', 'q4_0', 'q4_1'])('a whole model is not written as %s', async (dtype) => {
  const { error, trained } = await attempt('--model', `${FIXTURES}/tiny-llama-q8_0.gguf`, '--method', 'full', '--dtype', dtype);
  expect(error).toMatch(new RegExp(`--dtype.*${dtype}|${dtype}.*--dtype`));
  expect(trained).toBe(false);
});
