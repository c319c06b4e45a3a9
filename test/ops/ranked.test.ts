// The likeliest tokens of rows by a search's scores, against f64: ragged vocabularies, equals, tokens seen, broken rows; and rows of a cache
// that become others.
import { describe, expect, test } from 'vitest';
import type { Program } from '../../src/gpu/program.ts';
import { type Cache, moveRows } from '../../src/ops/attention/cache.ts';
import { BROKEN } from '../../src/ops/stream/choose.ts';
import { type Ranking, ranked } from '../../src/ops/stream/ranked.ts';
import '../compare.ts';
import { input, runProgram } from '../gpu/harness.ts';
import { gpuWith, type Kernels } from '../gpu/kernels.ts';
import { noise } from '../oracle/finite.ts';

interface Asked {
  K: number;
  asLog: boolean;
  /** Tokens that each row has seen, and what their scores are multiplied by or divided by. */
  seen?: number[][];
  penalty?: number;
}

type Next = [id: number, score: number];

async function rank(kernels: Kernels, rows: number[][], { K, asLog, seen = [], penalty = 1 }: Asked): Promise<Next[][]> {
  const [M, V] = [rows.length, rows[0].length];
  const words = Math.ceil(V / 32);
  const bits = new Uint32Array(M * words);
  seen.forEach((ids, m) => ids.forEach((id) => (bits[m * words + (id >> 5)] |= 1 << (id & 31))));
  const logits = await input('logits', [M, V], rows.flat());
  const r: Ranking = {
    seen: await input('seen', [M, words], bits, 'u32'),
    penalty: await input('penalty', [1], [penalty]),
    best: await input('best', [M, K, 2], new Uint32Array(M * K * 2), 'u32'),
  };
  const build = (p: Program) => {
    ranked(p, logits, r, asLog);
    return { best: r.best };
  };
  const { best } = await runProgram(build, { gpu: await gpuWith(kernels) });
  const ids = new Uint32Array(best.buffer);
  const next = (m: number, k: number): Next => [ids[2 * (m * K + k)], best[2 * (m * K + k) + 1]];
  return rows.map((_, m) => Array.from({ length: K }, (_, k) => next(m, k)));
}

/** The same in f64. */
function wanted(row: number[], { K, asLog, penalty = 1 }: Asked, seen: number[] = []): Next[] {
  const top = Math.max(...row);
  const sum = asLog ? top + Math.log(row.reduce((all, x) => all + Math.exp(x - top), 0)) : 0;
  const score = (id: number) => {
    const x = row[id] - sum;
    return seen.includes(id) ? (x < 0 ? x * penalty : x / penalty) : x;
  };
  const all = row.map((_, id): Next => [id, score(id)]);
  return all.sort((a, b) => b[1] - a[1] || a[0] - b[0]).slice(0, K);
}

describe.each(['own', 'tiles'] as const)('kernels: %s', (kernels) => {
  describe.each([true, false])('by log-probability: %s', (asLog) => {
    test.each([1, 5, 33, 63, 64, 65, 255, 256, 257, 1023, 49152])('V = %i', async (V) => {
      // in steps that rounding of scores leaves apart, or equal
      const rows = [1, 2, 3].map((seed) => Array.from(noise(V, seed, 6), (x) => Math.round(1024 * x) / 1024));
      const seen = rows.map((row, m) => [wanted(row, { K: 1, asLog })[0][0], m % V]);
      const asked = { K: Math.min(V, 6), asLog, seen, penalty: 1.3 };
      const got = await rank(kernels, rows, asked);
      rows.forEach((row, m) => {
        const want = wanted(row, asked, seen[m]);
        expect(got[m].map(([id]) => id)).toEqual(want.map(([id]) => id));
        expect(got[m].map(([, x]) => x)).toBeAllclose(
          want.map(([, x]) => x),
          { rtol: 1e-6, atol: 2e-6 },
        );
      });
    });
  });

  test('of equals the lowest ids first', async () => {
    const row = Array(300).fill(-3);
    row[150] = row[90] = row[91] = 2;
    const [first] = await rank(kernels, [row], { K: 5, asLog: false });
    expect(first).toEqual([
      [90, 2],
      [91, 2],
      [150, 2],
      [0, -3],
      [1, -3],
    ]);
  });

  test.each([Number.NaN, Infinity, -Infinity])('a row with %d is broken, its neighbours are not', async (odd) => {
    const rows = [1, 2, 3].map((seed) => [...noise(300, seed)]);
    rows[1][271] = odd;
    const got = await rank(kernels, rows, { K: 2, asLog: true });
    expect(got.map((row) => row.map(([id]) => id === BROKEN))).toEqual([
      [false, false],
      [true, true],
      [false, false],
    ]);
  });
});

test.each([
  [1, 3, 4, 2, [0]],
  [4, 3, 12, 2, [1, 0, 1, 3]],
  [8, 5, 20, 5, [7, 7, 1, 2, 0, 5, 5, 6]],
  [8, 70, 4, 0, [1, 2, 3, 4, 5, 6, 7, 0]],
])('%i rows of %i places by %i become others in their first %3$i', async (ROWS, capacity, width, reach, parents) => {
  const held = [20, 21].map((seed) => Array.from(noise(ROWS * capacity * width, seed), Math.fround));
  const [k, v] = [await input('k', [ROWS * capacity, width], held[0]), await input('v', [ROWS * capacity, width], held[1])];
  const from = { parents: await input('parents', [ROWS], parents, 'u32'), reach: await input('reach', [1], [reach], 'u32') };
  const build = (p: Program) => {
    moveRows(p, { k, v } as Cache, from);
    return { k, v };
  };
  const got = await runProgram(build);
  const row = capacity * width;
  const moved = (x: number[]) =>
    x.map((was, i) => (i % row < reach * width ? x[parents[Math.floor(i / row)] * row + (i % row)] : was));
  expect(Array.from(got.k).slice(0, ROWS * row)).toEqual(moved(held[0]));
  expect(Array.from(got.v).slice(0, ROWS * row)).toEqual(moved(held[1]));
});
