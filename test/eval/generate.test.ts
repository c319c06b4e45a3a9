// Rows answered together say what each says alone: prompts of unlike length, longer than a piece among them, rows that end while others
// go on, draws by chance; and what was planned is what is allocated. Against PyTorch, greedy: models/golden.test.ts.

import { describe, expect, test } from 'vitest';
import { randomValues } from '../../src/commands/bench/model.ts';
import { planDecoding, rowsAtOnce } from '../../src/eval/decoding.ts';
import { AHEAD, type Asked, generateAll, type Sampling } from '../../src/eval/generate.ts';
import type { Gpu } from '../../src/gpu/device.ts';
import { planningOf } from '../../src/gpu/limits.ts';
import { dispose, prepare } from '../../src/gpu/run.ts';
import { newDecoder } from '../../src/models/decoder.ts';
import { gpuWith } from '../gpu/kernels.ts';
import { decoderOf, TINY } from '../models/tiny.ts';

const ROOM = 12;
const CAPACITY = 330;
const asked: Asked[] = [3, 300, 1, 40, 33, 17].map((length, seed) => ({
  prompt: Array.from({ length }, (_, j) => (3 + 7 * seed + (1 + seed) * j) % TINY.vocab_size),
  seed,
}));
const GREEDY: Sampling = { max_new_tokens: ROOM, temperature: 0, top_p: 1, eos: [] };

/** A decoder with positions for the longest. */
const decoder = (gpu: Gpu) => decoderOf(gpu, TINY, randomValues(1, 0.2), CAPACITY);

/** Answers with so many rows at once, the tokens as they came, and the bytes planned and allocated. */
async function answers(gpu: Gpu, rows: number, o: Sampling, all = asked) {
  const decoding = planDecoding(decoder(gpu), CAPACITY, planningOf(gpu.limits), rows);
  const before = gpu.memory.bytes - weightsOf(decoding, gpu);
  const machine = await prepare(gpu, decoding.plan);
  const bytes = { planned: decoding.plan.bytes.total, allocated: gpu.memory.bytes - before };
  const heard = all.map((): number[] => []);
  const got: number[][] = [];
  for await (const ids of generateAll(machine, decoding, all, o, { each: (row, id) => heard[row].push(id) })) got.push(ids);
  dispose(machine);
  return { got, heard, bytes };
}

/** Bytes of what the plan names that is there already. */
const weightsOf = ({ plan }: ReturnType<typeof planDecoding>, gpu: Gpu) =>
  plan.residents.filter((h) => h.buffer && gpu.memory.live.has(h.buffer)).reduce((n, h) => n + h.bytes, 0);

describe.each(['own', 'tiles'] as const)('kernels: %s', (kernels) => {
  test.each([2, 4, 8])('%i rows at once, greedy', async (rows) => {
    const gpu = await gpuWith(kernels);
    const [together, alone] = [await answers(gpu, rows, GREEDY), await answers(gpu, 1, GREEDY)];
    expect(together.got).toEqual(alone.got);
    expect(together.heard).toEqual(together.got);
    expect(together.got.map((ids) => ids.length)).toEqual(asked.map(() => ROOM));
    for (const { bytes } of [together, alone]) expect(bytes.allocated).toBe(bytes.planned);
  });

  test('rows that end leave, and the next prompt takes their place', async () => {
    const gpu = await gpuWith(kernels);
    const whole = (await answers(gpu, 1, GREEDY)).got;
    const eos = [whole[0][2], whole[3][5]];
    const want = whole.map((ids) => ids.slice(0, 1 + [...ids, eos[0]].findIndex((id) => eos.includes(id))));
    expect(new Set(want.map((ids) => ids.length)).size).toBeGreaterThan(1);
    expect((await answers(gpu, 3, { ...GREEDY, eos })).got).toEqual(want);
  });

  test('a draw does not depend on what is beside it, and does on its seed', async () => {
    const gpu = await gpuWith(kernels);
    const o = { ...GREEDY, temperature: 1, top_p: 0.95 };
    const together = (await answers(gpu, 5, o)).got;
    expect(together).toEqual((await answers(gpu, 1, o)).got);
    const again = asked.map(({ prompt, seed }) => ({ prompt, seed: seed + 100 }));
    expect((await answers(gpu, 5, o, again)).got).not.toEqual(together);
  });
});

test('at the signal nothing more comes', async () => {
  const gpu = await gpuWith('own');
  const decoding = planDecoding(decoder(gpu), CAPACITY, planningOf(gpu.limits), 2);
  const machine = await prepare(gpu, decoding.plan);
  const stop = new AbortController();
  let heard = 0;
  const each = () => ++heard === 5 && stop.abort();
  const got: number[][] = [];
  for await (const ids of generateAll(machine, decoding, asked, GREEDY, { each, signal: stop.signal })) got.push(ids);
  dispose(machine);
  expect(got).toEqual([]);
  // two rows: the fifth token is of the third time, and what was made ahead of it had been sent
  expect(heard).toBeLessThanOrEqual(2 * (3 + AHEAD[gpu.limits.software ? 'software' : 'hardware']));
});

test('as many rows as are asked, as share a weight, as fit a binding, and as have caches no larger than the weights', async () => {
  const { limits } = await gpuWith('own');
  const planning = planningOf(limits);
  const d = newDecoder({ ...TINY, vocab_size: 5000 }, CAPACITY, () => 'f32', limits.maxBinding);
  const row = 4 * 100 * TINY.n_kv_heads * TINY.head_dim; // keys of 100 places
  expect(rowsAtOnce(d, 100, 3, planning)).toBe(3);
  expect(rowsAtOnce(d, 100, 50, planning)).toBe(8);
  expect(rowsAtOnce(d, 100, 50, { ...planning, maxBinding: 2 * row + 1 })).toBe(2);
  expect(rowsAtOnce(d, 100, 50, { ...planning, maxBinding: 10 })).toBe(1);
  const bytes = 4 * (5000 * 32 + 2 * (2 * 32 * 32 + 2 * 16 * 32 + 3 * 48 * 32 + 2 * 32) + 32);
  const [fits, over] = [4, 5].map((n) => Math.floor((bytes / (2 * 2 * row * n)) * 100));
  expect(rowsAtOnce(d, fits, 50, planning)).toBe(4);
  expect(rowsAtOnce(d, over + 1, 50, planning)).toBe(4);
  expect(rowsAtOnce(d, over - 1, 50, planning)).toBe(5);
});
