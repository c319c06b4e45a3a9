import { expect, test } from 'vitest';
import { allocate } from '../../src/gpu/scope.ts';
import { write } from '../../src/gpu/tensor.ts';
import { blocksForward, blocksInput, blocksWeight, newBlockSet } from '../../src/ops/blocks/blocks.ts';
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
      blocksWeight(p, s, dy, x, 1);
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
