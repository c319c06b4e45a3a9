import { describe, expect, test } from 'vitest';
import { allocate } from '../../src/gpu/scope.ts';
import { write } from '../../src/gpu/tensor.ts';
import { blocksForward, blocksInput, blocksWeight, eachBlockLine, newBlockSet } from '../../src/ops/blocks/blocks.ts';
import { whole } from '../../src/ops/matmul/gemm.ts';
import { input, runProgram, testGpu } from '../gpu/harness.ts';

const noise = (n: number, seed: number) => Float32Array.from({ length: n }, (_, i) => Math.sin(seed + 1.7 * i + 0.31 * i * seed));

const cases = [
  {
    b: 1,
    rows: 3,
    cols: 5,
    N: 1,
    blocks: [
      [2, 4],
      [0, 0],
      [2, 1],
    ],
  },
  {
    b: 16,
    rows: 48,
    cols: 32,
    N: 33,
    blocks: [
      [1, 1],
      [1, 0],
      [2, 1],
    ],
  },
  {
    b: 33,
    rows: 66,
    cols: 99,
    N: 31,
    blocks: [
      [1, 2],
      [0, 2],
      [1, 0],
    ],
  },
  { b: 64, rows: 128, cols: 64, N: 70, blocks: [[1, 0]] },
] as { b: number; rows: number; cols: number; N: number; blocks: [number, number][] }[];

test.each(cases)(
  'blocks of $b in [$rows, $cols], $N tokens: forward, input and weight gradients equal the dense sums',
  async ({ b, rows, cols, N, blocks }) => {
    const { memory, scope } = await testGpu();
    const s = newBlockSet('w', rows, cols, b, blocks, true);
    for (const t of [s.delta, s.grad!, s.lists]) allocate(scope, t.home!);
    const d = noise(blocks.length * b * b, 1);
    write(memory, s.delta, d);
    write(memory, s.lists, s.places.words);
    const g0 = noise(d.length, 5);
    write(memory, s.grad!, g0);
    const [xs, ys, dys, dxs] = [noise(N * cols, 2), noise(N * rows, 3), noise(N * rows, 4), noise(N * cols, 6)];
    const x = await input('x', [N, cols], xs);
    const y = await input('y', [N, rows], ys);
    const dy = await input('dy', [N, rows], dys);
    const dx = await input('dx', [N, cols], dxs);
    const out = await runProgram((p) => {
      blocksForward(p, s, x, y);
      blocksInput(p, s, dy, dx);
      blocksWeight(p, s, whole(dy), whole(x), N, 1);
      return { y, dx, grad: s.grad! };
    });
    const [Y, DX, G] = [Float64Array.from(ys), Float64Array.from(dxs), Float64Array.from(g0)];
    for (let n = 0; n < blocks.length; n++) {
      const [r, c] = [s.index[2 * n], s.index[2 * n + 1]];
      for (let t = 0; t < N; t++)
        for (let i = 0; i < b; i++)
          for (let j = 0; j < b; j++) {
            const at = (n * b + i) * b + j;
            Y[t * rows + r * b + i] += d[at] * xs[t * cols + c * b + j];
            DX[t * cols + c * b + j] += d[at] * dys[t * rows + r * b + i];
            G[at] += dys[t * rows + r * b + i] * xs[t * cols + c * b + j];
          }
    }
    for (const [name, got, want] of [
      ['y', out.y, Y],
      ['dx', out.dx, DX],
      ['grad', out.grad, G],
    ] as const) {
      const worst = want.reduce((m, w, i) => Math.max(m, Math.abs(got[i] - w) / (1 + Math.abs(w))), 0);
      expect(worst, name).toBeLessThan(2e-5);
      expect(got.length).toBe(want.length);
    }
  },
);

describe('lists of many blocks', () => {
  const b = 4;
  const across = 250;
  const index = Array.from({ length: 50_000 }, (_, n): [number, number] => [Math.floor(n / across), n % across]);

  test('are made in time that grows with their number', () => {
    const shuffled = index.map((rc, n) => [rc, (n * 7919) % index.length] as const).sort((x, y) => x[1] - y[1]);
    const start = performance.now();
    const s = newBlockSet(
      'w',
      200 * b,
      across * b,
      b,
      shuffled.map(([rc]) => rc),
      false,
    );
    const ms = performance.now() - start;
    expect([s.places.rowGroups.n, s.places.colGroups.n]).toEqual([200, across]);
    const { words, colEntries, colGroups, where, map } = s.places;
    expect([...words.subarray(where + 2 * 49_999, map)]).toEqual([199, across - 1]);
    expect([...words.subarray(colEntries, colEntries + 4)]).toEqual([0, 0, across, 1]);
    expect([...words.subarray(colGroups.at, colGroups.at + 6)]).toEqual([0, 0, 200, 1, 200, 400]);
    expect([...words.subarray(map, map + 4), words.length - map]).toEqual([
      0xffffffff,
      0,
      0xffffffff,
      32,
      2 * Math.ceil(50_000 / 32),
    ]);
    expect(ms).toBeLessThan(10_000); // a walk over all blocks for each of them takes minutes
  });

  test('are visited line by line in every window, each line once', () => {
    const s = { index: Uint32Array.from(index.flat()), b, cols: across * b };
    const seen = new Uint8Array((s.index.length / 2) * b);
    const start = performance.now();
    for (let r0 = 0; r0 < 200 * b; r0 += 7)
      eachBlockLine(s, r0, Math.min(200 * b, r0 + 7), (at, from) => {
        const [n, i] = [Math.floor(from / (b * b)), (from / b) % b];
        if (at === (index[n][0] * b + i - r0) * s.cols + index[n][1] * b) seen[n * b + i]++;
      });
    expect(seen.every((times) => times === 1)).toBe(true);
    expect(performance.now() - start).toBeLessThan(10_000);
  });
});
