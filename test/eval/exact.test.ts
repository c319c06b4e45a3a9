// Exact match of greedy answers: right to the last token or wrong, and nothing left on the device.
import { expect, test } from 'vitest';
import type { Row } from '../../src/data/rows.ts';
import { answerRows, expected } from '../../src/eval/exact.ts';
import type { Gpu } from '../../src/gpu/device.ts';
import { planningOf } from '../../src/gpu/limits.ts';
import { testGpu } from '../gpu/harness.ts';
import { TINY, tinyDecoder } from '../models/tiny.ts';

const NO_END: number[] = [];
const PROMPT = [3, 10, 17, 24];

const rowOf = (prompt: number[], answer: number[]): Row => {
  const ids = Int32Array.from([...prompt, ...answer]);
  return { ids, labels: ids, promptLength: prompt.length };
};

const tiny = (gpu: Gpu) => ({ gpu, decoder: tinyDecoder(gpu), planning: planningOf(gpu.limits) });

/** What the tiny model says to a prompt, n tokens of it. */
async function said(prompt: number[], n: number): Promise<number[]> {
  const gpu = await testGpu();
  const [answer] = await answerRows(tiny(gpu), [rowOf(prompt, [0])], { eos: NO_END, max_new_tokens: n });
  return answer.ids;
}

test('an answer is right to the last token, and wrong by one', async () => {
  const gpu = await testGpu();
  const ids = await said(PROMPT, 5);
  expect(ids).toHaveLength(5);
  const last = [...ids.slice(0, 4), (ids[4] + 1) % TINY.vocab_size];
  const heard: number[] = [];
  const rows = [rowOf(PROMPT, ids), rowOf(PROMPT, last)];
  const answers = await answerRows(tiny(gpu), rows, { eos: NO_END }, ({ row }) => heard.push(row));
  expect(answers.map((a) => a.right)).toEqual([true, false]);
  expect(answers.map((a) => a.ids)).toEqual([ids, ids]);
  expect(heard).toEqual([0, 1]);
});

test('an answer that begins right and goes on is wrong; with its end there it is right', async () => {
  const gpu = await testGpu();
  const ids = await said(PROMPT, 4);
  const short = rowOf(PROMPT, ids.slice(0, 2));
  const long = rowOf(PROMPT, ids);
  const right = async (eos: number[]) => (await answerRows(tiny(gpu), [short, long], { eos })).map((a) => a.right);
  expect(await right(NO_END)).toEqual([false, true]);
  expect(await right([ids[1]])).toEqual([ids.indexOf(ids[1]) === 1, false]);
});

test('at the signal it stops, with the answers made', async () => {
  const gpu = await testGpu();
  const stop = new AbortController();
  const rows = [rowOf(PROMPT, [1]), rowOf(PROMPT, [1]), rowOf(PROMPT, [1])];
  const answers = await answerRows(tiny(gpu), rows, { eos: NO_END, signal: stop.signal }, () => stop.abort());
  expect(answers).toHaveLength(1);
});

test('nothing of it stays on the device', async () => {
  const gpu = await testGpu();
  const decoder = tinyDecoder(gpu);
  const before = gpu.memory.bytes;
  await answerRows({ gpu, decoder, planning: planningOf(gpu.limits) }, [rowOf(PROMPT, [1, 2])], { eos: NO_END });
  expect(gpu.memory.bytes).toBe(before);
});

test('what a row expects is what stands behind its prompt', () =>
  expect(Array.from(expected(rowOf([1, 2], [3, 4])))).toEqual([3, 4]));
