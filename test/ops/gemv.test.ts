// A few rows of input times a stored weight, read in place: every format against f64 over the values that io decodes.

import { describe, expect, test } from 'vitest';
import type { Program } from '../../src/gpu/program.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { whole } from '../../src/ops/matmul/gemm.ts';
import { STORED, type StoredFormat, storedBytes } from '../../src/ops/stored/formats.ts';
import { gemv } from '../../src/ops/stored/unpack.ts';
import { f32Bound } from '../compare.ts';
import { input, runProgram } from '../gpu/harness.ts';
import { gpuWith, KERNELS, type Kernels } from '../gpu/kernels.ts';
import { noise } from '../oracle/finite.ts';
import { abs, matmulNT } from '../oracle/matmul.ts';
import { some } from '../some.ts';
import { FORMATS, QUANTIZED, storedWeight } from './stored.ts';

interface Case {
  format: StoredFormat;
  rows: number;
  cols: number;
  /** Rows of x. */
  n: number;
  accumulate: 0 | 1;
  /** Elements before and after each row of x and y. */
  pad: number;
  windows: number;
}

const SENTINEL = 12345;

async function check(kernels: Kernels, { format, rows, cols, n, accumulate, pad, windows }: Case): Promise<void> {
  const perRow = storedBytes(format, 1, cols).q;
  const { weight, values } = await storedWeight(format, rows, cols, windows > 1 ? 8 * perRow : 1 << 26);
  expect(weight.windows.length).toBe(windows);
  const [X, Y] = [noise(n * cols, 1), noise(n * rows, 2)];
  const around = (all: ArrayLike<number>, width: number, fill: number) => {
    const out = new Float32Array(pad + n * (width + pad)).fill(fill);
    for (let i = 0; i < n * width; i++) out[pad + Math.floor(i / width) * (width + pad) + (i % width)] = all[i];
    return out;
  };
  const x = await input('x', [pad + n * (cols + pad)], around(X, cols, Number.NaN));
  const held = around(accumulate ? Y : new Float32Array(n * rows).fill(Number.NaN), rows, SENTINEL);
  const y: Tensor = await input('y', [held.length], held);
  const out = await runProgram(
    (p) => {
      for (const v of weight.windows)
        gemv(p, weight, v, { t: x, at: pad, ld: cols + pad }, n, { t: y, at: pad, ld: rows + pad }, accumulate);
      return { y };
    },
    { gpu: await gpuWith(kernels) },
  );
  const Xf = Float32Array.from(X);
  const Yf = Float32Array.from(Y);
  const want = Float64Array.from(matmulNT(Xf, values, n, rows, cols), (v, i) => v + (accumulate ? Yf[i] : 0));
  const size = Float64Array.from(matmulNT(abs(Xf), abs(values), n, rows, cols), (v, i) => v + (accumulate ? Math.abs(Yf[i]) : 0));
  const got = new Float64Array(n * rows);
  for (let i = 0; i < held.length; i++) {
    const [r, c] = [Math.floor((i - pad) / (rows + pad)), (i - pad) % (rows + pad)];
    if (i >= pad && c < rows) got[r * rows + c] = out.y[i];
    else expect(out.y[i]).toBe(held[i]);
  }
  expect(got).toBeWithin(want, f32Bound(size, { serial: Math.max(16, cols) }));
}

// One row and several; one block, several, and both sides of what a workgroup takes in rows (8, 64) and k.
const quantized = QUANTIZED.flatMap((format): Case[] => {
  const { block } = STORED[format];
  return [
    { format, rows: 1, cols: block, n: 1, accumulate: 0, pad: 0, windows: 1 },
    { format, rows: 65, cols: 3 * block, n: 1, accumulate: 1, pad: 4, windows: 1 },
    { format, rows: 21, cols: 2 * block, n: 4, accumulate: 0, pad: 3, windows: 3 },
  ];
});
const plain = (['f32', 'f16', 'bf16'] as const).flatMap((format): Case[] => [
  { format, rows: 1, cols: 1, n: 1, accumulate: 0, pad: 0, windows: 1 },
  { format, rows: 7, cols: 31, n: 3, accumulate: 1, pad: 1, windows: 1 },
  { format, rows: 9, cols: 36, n: 2, accumulate: 0, pad: 0, windows: 2 },
  { format, rows: 64, cols: 64, n: 1, accumulate: 0, pad: 4, windows: 1 },
  { format, rows: 63, cols: 68, n: 8, accumulate: 1, pad: 0, windows: 1 },
]);
// on software adapters an invocation takes several rows of the weight, on a GPU one
const SETS = KERNELS.filter((kernels) => kernels !== 'large tiles');
describe.each(SETS)('kernels: %s', (kernels) => {
  test.each(some([...quantized, ...plain], 7))(
    '$format [$rows, $cols] in $windows windows, $n rows $pad apart, accumulate $accumulate',
    (c) => check(kernels, c),
  );

  // Rows of x share the work of a dispatch in ways of their own.
  test.each(
    some(
      FORMATS.filter((f) => ['f32', 'q4_0', 'q6_k'].includes(f)).flatMap((f) =>
        [1, 2, 3, 4, 5, 6, 7, 8].map((n) => [f, n] as const),
      ),
      5,
    ),
  )('%s, %i rows of x', (format, n) => check(kernels, { format, rows: 24, cols: 256, n, accumulate: 0, pad: 0, windows: 1 }));
});

/** What each of n rows of x becomes, all of them at once. */
async function becomes(kernels: Kernels, n: number): Promise<Float32Array[]> {
  const [rows, cols] = [37, 256];
  const { weight } = await storedWeight('q4_1', rows, cols);
  const x = await input('x', [n, cols], Float32Array.from(noise(8 * cols, 1)).subarray(0, n * cols));
  const y = await input('y', [n, rows], new Float32Array(n * rows));
  const build = (p: Program) => {
    gemv(p, weight, weight.windows[0], whole(x), n, whole(y), 0);
    return { y };
  };
  const out = await runProgram(build, { gpu: await gpuWith(kernels) });
  return Array.from({ length: n }, (_, m) => out.y.slice(m * rows, (m + 1) * rows));
}

test.each(SETS)('a row of x has the same bits whatever is beside it: %s', async (kernels) => {
  const [alone] = await becomes(kernels, 1);
  expect(alone.some((v) => v !== 0)).toBe(true);
  for (const n of [2, 3, 5, 8]) expect((await becomes(kernels, n))[0], `${n} rows`).toEqual(alone);
});
