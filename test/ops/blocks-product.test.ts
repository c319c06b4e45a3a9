// A weight with chosen blocks as a layer has it: y = x (W + D)ᵀ onto a bias and a residual, dx, and dD, by the kernels of every kind of device.

import { describe, expect, test } from 'vitest';
import { allocate } from '../../src/gpu/scope.ts';
import { resident, write } from '../../src/gpu/tensor.ts';
import { newBlockSet, trainsBlocks } from '../../src/ops/blocks/blocks.ts';
import { whole } from '../../src/ops/matmul/gemm.ts';
import { STORED } from '../../src/ops/stored/formats.ts';
import { f32Bound } from '../compare.ts';
import { input, runProgram, testGpu } from '../gpu/harness.ts';
import { gpuWith, KERNELS } from '../gpu/kernels.ts';
import { noise } from '../oracle/finite.ts';
import { abs, matmulNN, matmulNT, matmulTN } from '../oracle/matmul.ts';
import { some } from '../some.ts';
import { FORMATS, storedWeight } from './stored.ts';

const f32 = (n: number, seed: number) => new Float32Array(noise(n, seed));

/** About a third of all blocks, among them the first and the last. */
const someOf = (down: number, across: number) =>
  Array.from({ length: down * across }, (_, i): [number, number] => [Math.floor(i / across), i % across]).filter(
    ([r, c], i) => (r * 7 + c * 5) % 3 === 0 || i === down * across - 1,
  );

const shapes = [
  { format: 'f32', b: 4, rows: 44, cols: 72, N: 9, fit: 44 },
  { format: 'f32', b: 5, rows: 35, cols: 40, N: 33, fit: 35 },
  { format: 'f32', b: 12, rows: 132, cols: 96, N: 65, fit: 64 },
  { format: 'bf16', b: 32, rows: 160, cols: 96, N: 1, fit: 160 },
  { format: 'bf16', b: 64, rows: 192, cols: 128, N: 130, fit: 128 },
  ...FORMATS.map((format) => ({ format, b: 16, rows: 48, cols: Math.max(64, STORED[format].block), N: 37, fit: 48 })),
  { format: 'q4_k', b: 128, rows: 128, cols: 256, N: 31, fit: 128 },
  { format: 'f32', b: 128, rows: 256, cols: 512, N: 40, fit: 256 }, // enough of them for tiles
] as const;

describe.each(KERNELS)('kernels: %s', async (kernels) => {
  const gpu = await gpuWith(kernels);

  test.each(some(shapes, 3))('$format [$rows, $cols], blocks of $b, $N tokens', async ({ format, b, rows, cols, N, fit }) => {
    const perRow = STORED[format].bytes / STORED[format].block;
    const { weight: w, values } = await storedWeight(format, rows, cols, fit * cols * perRow);
    const { memory, scope } = await testGpu();
    const s = newBlockSet('w', rows, cols, b, someOf(rows / b, cols / b), true);
    for (const t of [s.delta, s.grad!, s.lists]) allocate(scope, t.home!);
    const D = f32(s.delta.bytes / 4, 1);
    const G = f32(s.delta.bytes / 4, 9);
    write(memory, s.delta, D);
    write(memory, s.grad!, G);
    write(memory, s.lists, s.places.words);
    const [X, DY, R, B, DX] = [f32(N * cols, 2), f32(N * rows, 3), f32(N * rows, 4), f32(rows, 5), f32(N * cols, 6)];
    const [x, dy, add] = [await input('x', [N, cols], X), await input('dy', [N, rows], DY), await input('add', [N, rows], R)];
    const dx = await input('dx', [N, cols], DX);
    const y = resident('y', [N, rows], 'other');
    const bias = { name: 'b', value: await input('b', [rows], B), grad: null };
    const out = await runProgram(
      (p) => {
        const back = trainsBlocks(s).forward(p, w, whole(x), N, whole(y), { bias, add });
        back(whole(dy), (use) => use(whole(x)), { into: whole(dx), accumulate: 1 });
        return { y, dx, grad: s.grad! };
      },
      { gpu, accumulate: 1 },
    );
    const full = Float64Array.from(values);
    const at = (i: number) => {
      const [n, r, c] = [Math.floor(i / (b * b)), Math.floor(i / b) % b, i % b];
      return (s.index[2 * n] * b + r) * cols + s.index[2 * n + 1] * b + c;
    };
    D.slice(0, (s.index.length / 2) * b * b).forEach((v, i) => (full[at(i)] += v));
    const plus = (a: Float64Array, add: (i: number) => number) => a.map((v, i) => v + add(i));
    const sizes = abs(values).map((v, i) => v + Math.abs(full[i]));
    expect(out.y).toBeWithin(
      plus(matmulNT(X, full, N, rows, cols), (i) => R[i] + B[i % rows]),
      f32Bound(
        plus(matmulNT(abs(X), sizes, N, rows, cols), (i) => Math.abs(R[i]) + Math.abs(B[i % rows])),
        { serial: cols },
      ),
    );
    expect(out.dx).toBeWithin(
      plus(matmulNN(DY, full, N, cols, rows), (i) => DX[i]),
      f32Bound(
        plus(matmulNN(abs(DY), sizes, N, cols, rows), (i) => Math.abs(DX[i])),
        { serial: rows },
      ),
    );
    const [dW, most] = [matmulTN(DY, X, rows, cols, N), matmulTN(abs(DY), abs(X), rows, cols, N)];
    const grad = out.grad.slice(0, (s.index.length / 2) * b * b);
    expect(grad).toBeWithin(
      Float64Array.from(grad, (_, i) => dW[at(i)] + G[i]),
      f32Bound(
        Float64Array.from(grad, (_, i) => most[at(i)] + Math.abs(G[i])),
        { serial: Math.max(16, N) },
      ),
    );
  });
});
