// Scores of blocks of a gradient that is never stored: sums over cells in the product itself, by the product of every kind of device.

import { describe, expect, test } from 'vitest';
import { allocate } from '../../src/gpu/scope.ts';
import { write } from '../../src/gpu/tensor.ts';
import { newScorer, type Score, scoreDense, scoreGradient } from '../../src/ops/blocks/score.ts';
import { type StoredFormat, storedBytes } from '../../src/ops/stored/formats.ts';
import { newWeight } from '../../src/ops/stored/weight.ts';
import { f32Bound } from '../compare.ts';
import { input, runProgram, testGpu } from '../gpu/harness.ts';
import { gpuWith, KERNELS } from '../gpu/kernels.ts';
import { abs, matmulTN } from '../oracle/matmul.ts';

const noise = (n: number, seed: number) => Float32Array.from({ length: n }, (_, i) => Math.sin(seed + 1.7 * i + 0.31 * i * seed));

// Block edges: of whole cells of 64, 16, 8 and 4 rows, and ones that no cell divides, where dW is made and then scored.
const shapes = [
  [128, 128, 256, 3],
  [64, 128, 192, 33],
  [16, 80, 48, 70],
  [24, 72, 96, 5],
  [12, 60, 36, 64],
  [4, 68, 132, 1],
  [6, 12, 18, 20],
  [1, 5, 7, 9],
];
const cases = shapes.flatMap(([b, rows, cols, N]) =>
  (['absmean', 'l2'] as Score[]).map((score) => ({ b, rows, cols, N, score })),
);
describe.each(KERNELS)('kernels: %s', (kernels) => {
  test.each(cases)(
    '$score of blocks of $b in [$rows, $cols] over $N tokens, added to the map',
    async ({ b, rows, cols, N, score }) => {
      const gpu = await gpuWith(kernels);
      const format: StoredFormat = 'f32';
      const w = newWeight('w', rows, cols, format, storedBytes(format, rows, cols).q);
      const s = newScorer(w, b, score, gpu.limits.maxBinding);
      allocate(gpu.scope, s.map.home!);
      const blocks = (rows / b) * (cols / b);
      const before = abs(noise(blocks, 3));
      write(gpu.memory, s.map, Float32Array.from(before));
      const [DY, X] = [noise(N * rows, 1), noise(N * cols, 2)];
      const [dy, x] = [await input('dy', [N, rows], DY), await input('x', [N, cols], X)];
      let stored = 0;
      const out = await runProgram(
        (p) => {
          scoreGradient(p, s, dy, x);
          stored = p.temps.filter((t) => t.name.endsWith('dW')).length;
          return { map: s.map };
        },
        { gpu },
      );
      expect(stored).toBe(b % 4 ? 1 : 0);
      const [G, size] = [matmulTN(DY, X, rows, cols, N), matmulTN(abs(DY), abs(X), rows, cols, N)];
      const want = Float64Array.from(before, (v) => Math.fround(v));
      const magnitude = Float64Array.from(want);
      for (let i = 0; i < rows * cols; i++) {
        const at = Math.floor(Math.floor(i / cols) / b) * (cols / b) + Math.floor((i % cols) / b);
        want[at] += score === 'l2' ? G[i] * G[i] : Math.abs(G[i]) / (b * b);
        magnitude[at] += score === 'l2' ? 2 * size[i] * size[i] : size[i] / (b * b);
      }
      expect(out.map).toBeWithin(want, f32Bound(magnitude, { serial: Math.max(16, N + b) }));
    },
  );
});

// 2 KiB hold 8 rows of 36 values: no block of 6 or 12 rows ends where a window does.
test.each([6, 12, 36].flatMap((b) => (['absmean', 'l2', 'absmean-of-sum'] as Score[]).map((score) => [score, b] as const)))(
  '%s of blocks of %i whose rows lie in several windows',
  async (score, b) => {
    const gpu = await testGpu({ limits: { maxBinding: 2048, maxBuffer: 1 << 20 } });
    const [rows, cols, N] = [72, 36, 5];
    const s = newScorer(newWeight('w', rows, cols, 'f32', 2048), b, score, 2048);
    const zeroed = [s.map, ...s.sums.map((x) => x.t)];
    for (const t of zeroed) {
      allocate(gpu.scope, t.home!);
      write(gpu.memory, t, new Uint8Array(t.bytes));
    }
    const [DY, X] = [noise(N * rows, 1), noise(N * cols, 2)];
    const [dy, x] = [await input('dy', [N, rows], DY, 'f32', gpu), await input('x', [N, cols], X, 'f32', gpu)];
    const build = (p: Parameters<typeof scoreGradient>[0]) => {
      scoreGradient(p, s, dy, x);
      for (const { r0, t } of s.sums) scoreDense(p, s, r0, t);
      return { map: s.map };
    };
    const { map } = await runProgram(build, { gpu });
    const [G, size] = [matmulTN(DY, X, rows, cols, N), matmulTN(abs(DY), abs(X), rows, cols, N)];
    const [want, magnitude] = [new Float64Array(map.length), new Float64Array(map.length)];
    for (let i = 0; i < rows * cols; i++) {
      const at = Math.floor(Math.floor(i / cols) / b) * (cols / b) + Math.floor((i % cols) / b);
      want[at] += score === 'l2' ? G[i] * G[i] : Math.abs(G[i]) / (b * b);
      magnitude[at] += score === 'l2' ? 2 * size[i] * size[i] : size[i] / (b * b);
    }
    expect(map).toBeWithin(want, f32Bound(magnitude, { serial: Math.max(16, N + b) }));
    gpu.device.destroy();
  },
);
