// Log-probabilities of a token and of the likeliest, against f64: whole and ragged vocabularies, equals, chunks, extreme and broken logits.

import { describe, expect, test } from 'vitest';
import { BROKEN_ROW, likeliest, toldWidth } from '../../src/ops/loss/likeliest.ts';
import '../compare.ts';
import { input, runProgram } from '../gpu/harness.ts';
import { gpuWith, type Kernels } from '../gpu/kernels.ts';
import { noise } from '../oracle/finite.ts';
import { crossEntropy } from '../oracle/loss.ts';

const SENTINEL = 12345;
const MOST = 6;

interface Told {
  id: number;
  logprob: number;
  top: [id: number, logprob: number][];
}

/** What is told of rows of logits; `at` rows before them and one behind belong to other chunks. */
async function told(kernels: Kernels, rows: number[][], ids: number[], wanted: number, at = 0): Promise<Told[]> {
  const [m, V] = [rows.length, rows[0].length];
  const M = at + m + 1;
  const width = toldWidth(MOST);
  const logits = await input('logits', [m, V], rows.flat());
  const of = await input('ids', [M], [...Array(at).fill(0), ...ids, 0], 'u32');
  const out = await input('told', [M, width], new Uint32Array(M * width).fill(SENTINEL), 'u32');
  const build = (p: Parameters<typeof likeliest>[0]) => {
    likeliest(p, logits, { ids: of, told: out, row0: at, m, wanted });
    return { out };
  };
  const floats = (await runProgram(build, { gpu: await gpuWith(kernels) })).out;
  const ints = new Uint32Array(floats.buffer);
  const here = Math.min(wanted, V);
  // nothing is written before, behind, or beyond what is wanted
  for (let i = 0; i < M * width; i++) {
    const [row, place] = [Math.floor(i / width), i % width];
    if (row < at || row >= at + m || place >= 2 + 2 * here) expect(ints[i]).toBe(SENTINEL);
  }
  return rows.map((_, r) => {
    const base = (at + r) * width;
    const pair = (k: number) => [ints[base + 2 * k], floats[base + 2 * k + 1]] as [number, number];
    const [id, logprob] = pair(0);
    return { id, logprob, top: Array.from({ length: here }, (_, k) => pair(k + 1)) };
  });
}

const order = (row: number[]) => row.map((_, id) => id).sort((a, b) => row[b] - row[a] || a - b);

describe.each(['own', 'tiles'] as const)('kernels: %s', (kernels) => {
  test.each([1, 2, 5, 63, 64, 65, 255, 256, 260, 1023, 1024, 49152])('V = %i', async (V) => {
    const rows = [1, 2, 3].map((seed) => Array.from(noise(V, seed, 6), Math.fround));
    const ids = [0, V - 1, V >> 1];
    const got = await told(kernels, rows, ids, 5);
    rows.forEach((row, r) => {
      const best = order(row).slice(0, 5);
      const want = (id: number) => crossEntropy(row, [id], V).logprob[0];
      expect(got[r].id).toBe(ids[r]);
      expect([got[r].logprob]).toBeAllclose([want(ids[r])], { rtol: 1e-6, atol: 1e-6 });
      expect(got[r].top.map(([id]) => id)).toEqual(best);
      expect(got[r].top.map(([, x]) => x)).toBeAllclose(best.map(want), { rtol: 1e-6, atol: 1e-6 });
    });
  });

  test('of equals the lowest ids first; the float of an id is the same wherever it stands', async () => {
    const row = Array(200).fill(-3);
    row[150] = row[90] = row[91] = 2;
    const [first, second] = await told(kernels, [row, Array(200).fill(0)], [91, 5], 6);
    expect(first.top.map(([id]) => id)).toEqual([90, 91, 150, 0, 1, 2]);
    expect(first.top[1]).toEqual([91, first.logprob]);
    expect(new Set(first.top.slice(0, 3).map(([, x]) => x)).size).toBe(1);
    expect(second.top.map(([id]) => id)).toEqual([0, 1, 2, 3, 4, 5]);
  });

  test('a chunk in the middle writes its own rows, and none beyond what is wanted', async () => {
    const rows = [1, 2].map((seed) => Array.from(noise(40, seed), Math.fround));
    const got = await told(kernels, rows, [3, 39], 1, 2);
    expect(got.map((t) => t.top[0][0])).toEqual(rows.map((row) => order(row)[0]));
    expect((await told(kernels, rows, [3, 39], 0)).map((t) => t.id)).toEqual([3, 39]);
  });

  test.each([
    ['far apart', [1e4, -1e4, 0, 5, 1e4]],
    ['at the ends of f32', [3.4028234e38, -3.4028234e38, 0, 1, -1]],
  ])('logits %s', async (_, row) => {
    const [got] = await told(kernels, [row], [2], 5);
    expect(got.top.map(([id]) => id)).toEqual(order(row.map(Math.fround)));
    expect([got.logprob]).toBeAllclose(crossEntropy(row.map(Math.fround), [2], 5).logprob, { rtol: 1e-6 });
  });

  test.each([Number.NaN, Infinity, -Infinity])('a row with %d is broken, its neighbours are not', async (odd) => {
    for (const V of [300, 301]) {
      const rows = [1, 2, 3].map((seed) => [...noise(V, seed)]);
      rows[1][271] = odd;
      expect((await told(kernels, rows, [1, 2, 3], 2)).map((t) => t.id)).toEqual([1, BROKEN_ROW, 3]);
    }
  });
});
