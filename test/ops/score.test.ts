// Scores of blocks of a gradient that is never stored: sums over cells in the product itself, by the product of every kind of device.

import { describe, expect, test } from 'vitest';
import { allocate } from '../../src/gpu/scope.ts';
import { write } from '../../src/gpu/tensor.ts';
import { newScorer, type Score, scoreGradient } from '../../src/ops/blocks/score.ts';
import { type Format, storedBytes } from '../../src/ops/stored/formats.ts';
import { newWeight } from '../../src/ops/stored/weight.ts';
import { f32Bound } from '../compare.ts';
import { input, runProgram } from '../gpu/harness.ts';
import { gpuWith, KERNELS } from '../gpu/kernels.ts';
import { abs, matmulTN } from '../oracle/matmul.ts';

const noise = (n: number, seed: number) => Float32Array.from({ length: n }, (_, i) => Math.sin(seed + 1.7 * i + 0.31 * i * seed));

// Block edges: of whole cells of 64, 16, 8 and 4 rows, and ones that no cell divides, where dW is made and then scored.
const shapes = [
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
      const format: Format = 'f32';
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
