// Exact match of greedy answers: right to the last token or wrong, and nothing left on the device.
import { expect, test } from 'vitest';
import type { Row } from '../../src/data/rows.ts';
import { planDecoding } from '../../src/eval/decoding.ts';
import { answerRows, expectedAnswer, positionsToAnswer } from '../../src/eval/exact.ts';
import { generate } from '../../src/eval/generate.ts';
import type { Gpu } from '../../src/gpu/device.ts';
import { planningOf } from '../../src/gpu/limits.ts';
import { prepare } from '../../src/gpu/run.ts';
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
  expect(Array.from(expectedAnswer(rowOf([1, 2], [3, 4])))).toEqual([3, 4]));

test('the longest prompt may be given the longest answer, and what passes the loaded positions is refused', async () => {
  const gpu = await testGpu();
  const decoder = tinyDecoder(gpu);
  const [positions] = decoder.rope.shape;
  const many = (n: number) => Array.from({ length: n }, (_, i) => i % 30);
  const rows = [rowOf(many(40), [1]), rowOf([1], many(30))]; // each of them fits
  expect(positionsToAnswer(rows)).toBe(40 + 30);
  expect(positionsToAnswer(rows)).toBeGreaterThan(positions);
  const before = gpu.memory.bytes;
  await expect(answerRows({ gpu, decoder, planning: planningOf(gpu.limits) }, rows, { eos: NO_END })).rejects.toThrow(
    `expected prompts and answers of at most ${positions} tokens together, for which the model was loaded, got 70`,
  );
  expect(gpu.memory.bytes).toBe(before);
  const fits = [rowOf(many(positions - 2), [1, 2])];
  expect(positionsToAnswer(fits)).toBe(positions);
  expect((await answerRows({ gpu, decoder, planning: planningOf(gpu.limits) }, fits, { eos: NO_END }))[0].ids).toHaveLength(2);
});

test('a plan for fewer positions than a prompt and its answer refuses them', async () => {
  const gpu = await testGpu();
  const decoding = planDecoding(tinyDecoder(gpu), 6, planningOf(gpu.limits));
  const machine = await prepare(gpu, decoding.plan);
  const sampling = { temperature: 0, top_p: 1, eos: NO_END };
  await expect(generate(machine, decoding, { prompt: PROMPT, seed: 0 }, { ...sampling, max_new_tokens: 3 })).rejects.toThrow(
    /a token each and 6 together, got a prompt of 4 and an answer of at most 3: shorten one/,
  );
  expect(await generate(machine, decoding, { prompt: PROMPT, seed: 0 }, { ...sampling, max_new_tokens: 2 })).toHaveLength(2);
});
