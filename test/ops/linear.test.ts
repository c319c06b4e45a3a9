// A product with a weight in any stored format, forward and transposed, by the kernels of every kind of device.

import { describe, expect, test } from 'vitest';
import { formatBytes } from '../../src/formats.ts';
import { temp } from '../../src/gpu/program.ts';
import { allocate } from '../../src/gpu/scope.ts';
import { write } from '../../src/gpu/tensor.ts';
import { decode } from '../../src/io/dequant.ts';
import { whole } from '../../src/ops/matmul/gemm.ts';
import { productInto, productTransposedInto } from '../../src/ops/matmul/stored-product.ts';
import { STORED, type StoredFormat, splitQuants, storedBytes } from '../../src/ops/stored/formats.ts';
import { newWeight, type Weight } from '../../src/ops/stored/weight.ts';
import { f32Bound } from '../compare.ts';
import { input, runProgram, testGpu } from '../gpu/harness.ts';
import { gpuWith, KERNELS } from '../gpu/kernels.ts';
import { abs, matmulNN, matmulNT } from '../oracle/matmul.ts';
import { few, some } from '../some.ts';

const noise = (n: number, seed: number) => Float32Array.from({ length: n }, (_, i) => Math.sin(seed + 1.7 * i + 0.31 * i * seed));

/** A weight of noise in a stored format, in windows of at most `fit` rows, and its values as f32. */
async function storedWeight(
  format: StoredFormat,
  rows: number,
  cols: number,
  fit: number,
): Promise<{ w: Weight; values: Float32Array }> {
  const count = rows * cols;
  // Bit 6 off in every byte: no float among them, of whatever width and place, is 2 or above.
  const bytes = new Uint8Array(noise(formatBytes(format, count), 5).map((v) => Math.floor(128 + 127 * v) & 0xbf));
  const { memory, scope } = await testGpu();
  const w = newWeight('layer.w', rows, cols, format, storedBytes(format, fit, cols).q);
  const row = formatBytes(format, cols);
  for (const v of w.windows) {
    const { q, s } = splitQuants(format, bytes.slice(v.r0 * row, v.r1 * row));
    for (const t of [v.q, v.s]) if (t) allocate(scope, t.home!);
    write(memory, v.q, q);
    if (s) write(memory, v.s!, s);
  }
  return { w, values: decode(format, bytes, count) };
}

// Tokens: both sides of reading the weight in place (8), then tiles. Rows and columns: where a product can read the format, and where not.
const shapes = [
  [1, 64, 96, 64],
  [4, 68, 64, 68],
  [8, 68, 64, 68],
  [9, 68, 64, 68],
  [70, 132, 96, 64],
  [33, 50, 64, 50],
];
const FORMATS = Object.keys(STORED) as StoredFormat[];
const cases = FORMATS.flatMap((format) => [
  ...shapes.map(([n, rows, cols, fit]) => ({ format, n, rows, cols: Math.max(cols, STORED[format].block), fit })),
  ...(STORED[format].block === 1 ? [{ format, n: 9, rows: 12, cols: 7, fit: 12 }] : []),
]);
describe.each(KERNELS)('kernels: %s', async (kernels) => {
  const gpu = await gpuWith(kernels);
  // without subgroups and in the largest tile a weight is read as by the others
  const of = ['own', 'tiles'].includes(kernels) ? some : few;
  test.each(of(cases, 11))(
    '$format [$rows, $cols], $n tokens: y = x Wᵀ and dx = dy W, added or written',
    async ({ format, n, rows, cols, fit }) => {
      const { w, values } = await storedWeight(format, rows, cols, fit);
      const [X, DY, Y0, DX0] = [noise(n * cols, 1), noise(n * rows, 2), noise(n * rows, 3), noise(n * cols, 4)];
      const [x, dy] = [await input('x', [n, cols], X), await input('dy', [n, rows], DY)];
      const [y, dx] = [await input('y', [n, rows], Y0), await input('dx', [n, cols], DX0)];
      const [y1, dx1] = [await input('y1', [n, rows], Y0), await input('dx1', [n, cols], DX0)];
      const out = await runProgram(
        (p) => {
          productInto(p, whole(x), n, w, whole(y), 0);
          productInto(p, whole(x), n, w, whole(y1), 1);
          productTransposedInto(p, whole(dy), n, w, whole(dx), 0);
          productTransposedInto(p, whole(dy), n, w, whole(dx1), 1);
          return { y, y1, dx, dx1 };
        },
        { gpu },
      );
      const [Y, DX] = [matmulNT(X, values, n, rows, cols), matmulNN(DY, values, n, cols, rows)];
      const sizes = [matmulNT(abs(X), abs(values), n, rows, cols), matmulNN(abs(DY), abs(values), n, cols, rows)];
      const plus = (a: Float64Array, b: Float32Array, sign = (v: number) => v) => a.map((v, i) => v + sign(b[i]));
      expect(out.y).toBeWithin(Y, f32Bound(sizes[0], { serial: cols }));
      expect(out.dx).toBeWithin(DX, f32Bound(sizes[1], { serial: rows }));
      expect(out.y1).toBeWithin(plus(Y, Y0), f32Bound(plus(sizes[0], Y0, Math.abs), { serial: cols }));
      expect(out.dx1).toBeWithin(plus(DX, DX0), f32Bound(plus(sizes[1], DX0, Math.abs), { serial: rows }));
    },
  );

  // Bindings of 32 KiB: no operand fits one, so the product goes in parts of rows, of columns and of the sum, and panels in several.
  test.each(of(FORMATS, 5))('%s in small bindings: every part begins where it should', async (format) => {
    const [n, rows, cols] = [90, 132, 512];
    const { w, values } = await storedWeight(format, rows, cols, rows);
    const small = await gpuWith(kernels, { maxBinding: 1 << 15 });
    const [X, DY] = [noise(n * cols, 1), noise(n * rows, 2)];
    const [x, dy] = [await input('x', [n, cols], X), await input('dy', [n, rows], DY)];
    const [y, dx] = [await input('y', [n, rows], []), await input('dx', [n, cols], [])];
    const out = await runProgram(
      (p) => {
        productInto(p, whole(x), n, w, whole(y), 0);
        productTransposedInto(p, whole(dy), n, w, whole(dx), 0);
        return { y, dx };
      },
      { gpu: small },
    );
    expect(out.y).toBeWithin(
      matmulNT(X, values, n, rows, cols),
      f32Bound(matmulNT(abs(X), abs(values), n, rows, cols), { serial: cols }),
    );
    expect(out.dx).toBeWithin(
      matmulNN(DY, values, n, cols, rows),
      f32Bound(matmulNN(abs(DY), abs(values), n, cols, rows), { serial: rows }),
    );
  });

  // The same values, stored and as f32, by the same kernels: what differs is the place where a value is decoded, and in a tile not even that.
  test.each(
    of(
      FORMATS.filter((f) => f !== 'f32'),
      5,
    ),
  )('%s read by the product equals its values in f32, to rounding', async (format) => {
    const [n, rows, cols] = [70, 68, 256];
    const { w, values } = await storedWeight(format, rows, cols, rows);
    const plain = newWeight('layer.w', rows, cols, 'f32', 1 << 26);
    allocate(gpu.scope, plain.windows[0].q.home!);
    write(gpu.memory, plain.windows[0].q, Float32Array.from(values));
    const [x, dy] = [await input('x', [n, cols], noise(n * cols, 1)), await input('dy', [n, rows], noise(n * rows, 2))];
    const out = await runProgram(
      (p) => {
        const product = (v: Weight) => {
          const [y, dx] = [temp(p, 'y', [n, rows]), temp(p, 'dx', [n, cols])];
          productInto(p, whole(x), n, v, whole(y), 0);
          productTransposedInto(p, whole(dy), n, v, whole(dx), 0);
          return [y, dx];
        };
        const [y, dx] = product(w);
        const [y1, dx1] = product(plain);
        return { y, dx, y1, dx1 };
      },
      { gpu },
    );
    expect(out.y).toBeCloseL2(out.y1, gpu.limits.software ? 2 ** -23 : 0);
    expect(out.dx).toBeCloseL2(out.dx1, 2 ** -23); // windows of the stored weight are summed apart
  });
});
