import { describe, expect, test } from 'vitest';
import { temp } from '../../src/gpu/program.ts';
import { dropout, drops } from '../../src/ops/lowrank/dropout.ts';
import { SCALARS } from '../../src/ops/stream/stream.ts';
import { input, runProgram } from '../gpu/harness.ts';

/** Ones through dropout: the mask, scaled. */
async function maskOf(n: number, share: number, key: number, pass: number): Promise<Float32Array> {
  const ones = await input('ones', [n], new Float32Array(n).fill(1));
  const scalars = await input(
    'scalars',
    [SCALARS.count],
    Float32Array.from({ length: SCALARS.count }, (_, i) => (i === SCALARS.pass ? pass : 0)),
  );
  const { y } = await runProgram((p) => {
    p.random = scalars;
    const y = temp(p, 'y', [n]);
    dropout(p, { share, key }, ones, y, 0);
    return { y };
  });
  return y;
}

const mean = (a: ArrayLike<number>) => Array.from(a).reduce((s, v) => s + v, 0) / a.length;

describe.each([0.01, 0.1, 0.5, 0.9, 0.999])('share %d', (share) => {
  const n = 40_001;
  test('drops that share, and scales the rest so that the mean stays', async () => {
    const y = await maskOf(n, share, 7, 1);
    const dropped = y.filter((v) => v === 0).length;
    expect(Math.abs(dropped - share * n)).toBeLessThan(4 * Math.sqrt(n * share * (1 - share)));
    for (const v of new Set(y)) expect([0, Math.fround(1 / (1 - share))]).toContain(v);
  });
});

test.each([
  ['the next pass', 7, 2],
  ['a far pass', 7, 2 ** 24],
  ['another key', 8, 1],
])('%s has a mask that knows nothing of the first', async (_, key, pass) => {
  const n = 40_000;
  const [a, b] = [await maskOf(n, 0.5, 7, 1), await maskOf(n, 0.5, key, pass)];
  const both = mean(a.map((v, i) => v * b[i])); // 1 where they are independent
  expect(Math.abs(both - 1)).toBeLessThan(4 * Math.sqrt(3 / n));
});

test('neighbours know nothing of each other, at any distance', async () => {
  const n = 40_000;
  const y = await maskOf(n, 0.5, 3, 5);
  for (const by of [1, 2, 3, 4, 64, 4096])
    expect(Math.abs(mean(y.slice(by).map((v, i) => v * y[i])) - 1)).toBeLessThan(4 * Math.sqrt(3 / (n - by)));
});

test('adds to what is there, by the same mask', async () => {
  const x = await input('x', [6], [1, 2, 3, 4, 5, 6]);
  const y = await input('y', [6], [10, 10, 10, 10, 10, 10]);
  const scalars = await input('scalars', [SCALARS.count], new Float32Array(SCALARS.count));
  const mask = await maskOf(6, 0.5, 1, 0);
  const out = await runProgram((p) => {
    p.random = scalars;
    dropout(p, { share: 0.5, key: 1 }, x, y, 1);
    return { y };
  });
  expect([...out.y]).toEqual([1, 2, 3, 4, 5, 6].map((v, i) => 10 + v * mask[i]));
});

test('drops only where a step is learned from, and only where there is a share', async () => {
  await runProgram((p) => {
    expect(drops(p, { share: 0.5, key: 1 })).toBe(false);
    p.random = temp(p, 'scalars', [SCALARS.count]);
    expect([drops(p, { share: 0.5, key: 1 }), drops(p, { share: 0, key: 1 }), drops(p, null)]).toEqual([true, false, false]);
    p.temps.pop();
    return {};
  });
});
