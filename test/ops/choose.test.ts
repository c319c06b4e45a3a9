// The next token: the likeliest, or drawn as often as f64 says from those that make up top_p; and rows that go on by what was chosen.

import { describe, expect, test } from 'vitest';
import { copy, type Program, temp } from '../../src/gpu/program.ts';
import { advance, BROKEN, type Choosing, choose } from '../../src/ops/stream/choose.ts';
import { input, runProgram } from '../gpu/harness.ts';
import { gpuWith, type Kernels } from '../gpu/kernels.ts';
import { noise } from '../oracle/finite.ts';
import { some } from '../some.ts';

const KINDS = ['own', 'tiles'] as const;
const u32 = (name: string, a: ArrayLike<number>) => input(name, [a.length], a, 'u32');

interface Drawing {
  /** Of all rows, or of each. */
  temperature: number | number[];
  top_p: number;
  seeds?: number[];
  positions?: number[];
}

/** What is chosen for each row of logits [M, V]. */
async function chosen(kernels: Kernels, logits: number[][], d: Drawing): Promise<number[]> {
  const [M, V] = [logits.length, logits[0].length];
  const each = logits.map((_, m) => m);
  const x = await input('logits', [M, V], logits.flat());
  const c: Choosing = {
    sampling: await input(
      'sampling',
      [M, 2],
      each.flatMap((m) => [[d.temperature].flat()[m] ?? (d.temperature as number), d.top_p]),
    ),
    seeds: await u32('seeds', d.seeds ?? each),
    chosen: await u32(
      'chosen',
      each.map(() => 77),
    ),
  };
  const [tokenAt, positions] = [await u32('at', each), await u32('positions', d.positions ?? each.map(() => 5))];
  const build = (p: Program) => {
    const held = temp(p, 'held', [M, V]);
    copy(p, x, held);
    choose(p, held, c, { tokenAt, positions });
    return { chosen: c.chosen };
  };
  const out = await runProgram(build, { gpu: await gpuWith(kernels) });
  return Array.from(new Uint32Array(out.chosen.buffer, 0, M));
}

describe.each(KINDS)('kernels: %s', (kernels) => {
  const greedy = { temperature: 0, top_p: 1 };

  test.each([1, 7, 63, 64, 65, 1000])('the likeliest of %i', async (V) => {
    const rows = [1, 2, 3].map((seed) => Array.from(noise(V, seed), Math.fround));
    expect(await chosen(kernels, rows, greedy)).toEqual(rows.map((row) => row.indexOf(Math.max(...row))));
  });

  test('of equals the lowest id, whatever their sign', async () => {
    const row = Array(200).fill(-3);
    row[150] = row[90] = -1;
    expect(await chosen(kernels, [row, Array(200).fill(0)], greedy)).toEqual([90, 0]);
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY])('a row with %d is broken, its neighbours are not', async (odd) => {
    const rows = [1, 2, 3].map((seed) => [...noise(300, seed)]);
    rows[1][271] = odd;
    rows[0][8] = rows[2][9] = 5;
    for (const d of [greedy, { temperature: 1, top_p: 0.9 }]) expect((await chosen(kernels, rows, d))[1]).toBe(BROKEN);
    expect(await chosen(kernels, rows, greedy)).toEqual([8, BROKEN, 9]);
  });

  // Many draws of one row of logits (fewer by the wide workgroups of a GPU, which software is slow at, and by SwiftShader): each token within five deviations of what f64 expects of it, and none from beyond the nucleus
  const nuclei = [
    [1, 1],
    [0.6, 1],
    [1.5, 0.8],
    [1, 0.5],
    [1, 0.02],
  ];
  test.each(some(nuclei, 2))('draws at temperature %d from top %d', async (temperature, top_p) => {
    const [V, draws] = [150, kernels === 'own' && 'Deno' in globalThis ? 3000 : 300];
    const row = Array.from(noise(V, 4), (x) => Math.fround(2 * x));
    const seeds = Array.from({ length: draws }, (_, i) => i);
    const counts = new Float64Array(V);
    for (const id of await chosen(
      kernels,
      seeds.map(() => row),
      { temperature, top_p, seeds },
    ))
      counts[id]++;
    const want = nucleus(row, temperature, top_p);
    for (let id = 0; id < V; id++) {
      if (!want[id]) expect(counts[id], `token ${id} is beyond the nucleus`).toBe(0);
      else expect(Math.abs(counts[id] - draws * want[id]), `token ${id}`).toBeLessThan(5 * Math.sqrt(draws * want[id]) + 1);
    }
  });

  test('each row has its own temperature', async () => {
    const row = Array.from(noise(500, 5));
    const d = { top_p: 1, seeds: [3, 3, 3, 3] };
    const [a, b, c, e] = await chosen(kernels, [row, row, row, row], { ...d, temperature: [0, 3, 0, 1] });
    expect([a, c]).toEqual([row.indexOf(Math.max(...row)), a]);
    for (const [got, temperature] of [
      [b, 3],
      [e, 1],
    ])
      expect(got).toBe((await chosen(kernels, [row], { ...d, temperature }))[0]);
  });

  test('a draw hangs on seed and position alone', async () => {
    const row = Array.from(noise(500, 5));
    const draw = (seeds: number[], positions: number[]) =>
      chosen(
        kernels,
        seeds.map(() => row),
        { temperature: 1, top_p: 1, seeds, positions },
      );
    const [together, alone] = [await draw([1, 2, 3, 2], [9, 9, 9, 10]), await draw([2], [9])];
    expect(together[1]).toBe(alone[0]);
    expect(new Set(together).size).toBe(4);
  });
});

/** Probabilities of the likeliest tokens that together make up top_p, as exp(logit / temperature) has them. */
function nucleus(row: number[], temperature: number, top_p: number): Float64Array {
  const weights = row.map((x) => Math.exp(x / temperature));
  const all = weights.reduce((a, b) => a + b);
  const order = row.map((_, id) => id).sort((a, b) => row[b] - row[a]);
  const kept = new Float64Array(row.length);
  let sum = 0;
  for (const id of order) {
    if (sum >= top_p * all) break;
    kept[id] = weights[id];
    sum += weights[id];
  }
  return kept.map((w) => w / sum);
}

test('a row goes on by its token, to its last place and no further', async () => {
  const rows = {
    ids: await u32('ids', [1, 1, 1]),
    positions: await u32('positions', [0, 4, 2]),
    lo: await u32('lo', [10, 5, 0]),
    last: await u32('last', [10, 9, 2]),
  };
  const picked = await u32('chosen', [8, 9, BROKEN]);
  const out = await runProgram((p) => {
    advance(p, picked, rows, 3, 5);
    return rows;
  });
  const ints = Object.fromEntries(Object.entries(out).map(([name, x]) => [name, Array.from(new Uint32Array(x.buffer, 0, 3))]));
  expect(ints).toEqual({ ids: [8, 9, 0], positions: [1, 4, 3], lo: [10, 5, 0], last: [11, 9, 3] });
});
