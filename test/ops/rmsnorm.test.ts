// RMSNorm against f64: values, the inverse RMS, both gradients, and y made again bit for bit.

import { beforeAll, describe, expect, test } from 'vitest';
import { backward, giveGrad, gradOf, onBackward, type Program } from '../../src/gpu/program.ts';
import { again, whenThere } from '../../src/gpu/recompute.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { rmsnorm } from '../../src/ops/norm/rmsnorm.ts';
import { f32Bound } from '../compare.ts';
import { input, runProgram } from '../gpu/harness.ts';
import { gpuWith, type Kernels } from '../gpu/kernels.ts';
import { noise } from '../oracle/finite.ts';
import * as oracle from '../oracle/rmsnorm.ts';

const eps = 1e-5;
let kernels: Kernels = 'own';
const f32 = (n: number, seed: number, size = 1) => new Float32Array(noise(n, seed, size));
const abs = (a: ArrayLike<number>) => Float64Array.from(a, Math.abs);

/** Runs forward and backward; `have` is a gradient that x has already, `first` whether dw is written or added to. */
async function rmsnormOnGpu(
  R: number,
  D: number,
  x: Float32Array,
  w: Float32Array,
  dy: Float32Array,
  first = 1,
  have?: Float32Array,
) {
  const [tx, tw, tdy, tdw] = [
    await input('x', [R, D], x),
    await input('w', [D], w),
    await input('dy', [R, D], dy),
    await input('dw', [D], new Float32Array(D).fill(first ? Number.NaN : 1)),
  ];
  const there = have && (await input('have', [R, D], have));
  return runProgram(
    (p) => {
      p.needs.add(tx);
      const y = rmsnorm(p, tx, { name: 'w', value: tw, grad: tdw }, eps);
      let made = y;
      onBackward(p, () => (made = again(p, y)));
      giveGrad(p, y, tdy);
      if (there) giveGrad(p, tx, there);
      backward(p);
      return { y, made, dx: gradOf(p, tx)!, dw: tdw };
    },
    { accumulate: first ? 0 : 1, gpu: await gpuWith(kernels) },
  );
}

/** Σ|a||b| of the formula of dx, element by element. */
function magnitude(dy: Float32Array, x: Float32Array, w: Float32Array, R: number, D: number): Float64Array {
  const { inv } = oracle.rmsnorm(x, w, R, D, eps);
  return Float64Array.from(x, (v, i) => {
    const r = Math.floor(i / D);
    let mean = 0;
    for (let d = 0; d < D; d++) mean += Math.abs(dy[r * D + d] * w[d] * x[r * D + d] * inv[r]) / D;
    return inv[r] * (Math.abs(dy[i] * w[i % D]) + Math.abs(v * inv[r]) * mean);
  });
}

describe.each(['own', 'tiles'] as const)('rmsnorm, kernels: %s', (of) => {
  beforeAll(() => {
    kernels = of;
  });
  // 63, 64, 65 and 257: a workgroup of single floats; 252, 256, 260 and 1020, 1024, 1028: of vec4s; 31, 32, 33 rows: a chunk of the column sum
  test.each([
    [1, 1],
    [2, 3],
    [2, 4],
    [3, 63],
    [3, 64],
    [3, 65],
    [31, 252],
    [32, 256],
    [33, 260],
    [65, 576],
    [3, 1020],
    [3, 1024],
    [3, 1028],
    [2, 257],
  ])('x [%i, %i]: y, dx and dw', async (R, D) => {
    const [x, w, dy] = [f32(R * D, 1, 3), f32(D, 2), f32(R * D, 3)];
    const got = await rmsnormOnGpu(R, D, x, w, dy);
    const { y } = oracle.rmsnorm(x, w, R, D, eps);
    expect(got.y).toBeWithin(y, f32Bound(abs(y), 'tree'));
    expect(got.made).toEqual(got.y);
    const want = oracle.rmsnormBackward(dy, x, w, R, D, eps);
    expect(got.dx).toBeWithin(want.dx, f32Bound(magnitude(dy, x, w, R, D), 'tree'));
    const all = oracle.rmsnormBackward(abs(dy) as never, abs(x) as never, w, R, D, eps).dweight;
    expect(got.dw).toBeWithin(want.dweight, f32Bound(all, 'tree'));
  });

  test('adds to a gradient that x has, and to dw after the first micro-batch', async () => {
    const [R, D] = [5, 12];
    const [x, w, dy, have] = [f32(R * D, 1), f32(D, 2), f32(R * D, 3), f32(R * D, 4)];
    const got = await rmsnormOnGpu(R, D, x, w, dy, 0, have);
    const want = oracle.rmsnormBackward(dy, x, w, R, D, eps);
    expect(got.dx).toBeAllclose(
      want.dx.map((v, i) => v + have[i]),
      { rtol: 1e-6, atol: 1e-6 },
    );
    expect(got.dw).toBeAllclose(
      want.dweight.map((v) => v + 1),
      { rtol: 1e-6, atol: 1e-6 },
    );
  });

  test.each([6, 260])('beside its gradient y is made again for who waits for it, bit for bit: %i columns', async (D) => {
    const [x, w] = [await input('x', [3, D], f32(3 * D, 1)), await input('w', [D], f32(D, 2))];
    const dy = await input('dy', [3, D], f32(3 * D, 3));
    const names: string[] = [];
    const build = (p: Program) => {
      p.needs.add(x);
      const y = rmsnorm(p, x, { name: 'w', value: w, grad: null }, eps);
      let made: Tensor | undefined;
      onBackward(p, () => whenThere(p, y, (t) => (made = t)));
      giveGrad(p, y, dy);
      backward(p);
      names.push(...p.entries.flatMap((e) => (e.op === 'run' ? [e.kernel.name.split(' ')[0]] : [])));
      return { y, made: made!, dx: gradOf(p, x)! };
    };
    const got = await runProgram(build, { gpu: await gpuWith(kernels) });
    expect(names).toEqual(['rmsnorm', 'rmsnorm_backward']);
    expect(got.made).toEqual(got.y);
    const alone = await rmsnormOnGpu(3, D, f32(3 * D, 1), f32(D, 2), f32(3 * D, 3));
    expect(got.dx).toEqual(alone.dx);
  });

  test.each([
    ['a row of zeros', 0],
    ['tiny values', 1e-15],
    ['huge values', 1e15],
  ])('%s: finite', async (_, size) => {
    const [R, D] = [2, 8];
    const [x, w, dy] = [f32(R * D, 1, size), f32(D, 2), f32(R * D, 3)];
    const got = await rmsnormOnGpu(R, D, x, w, dy);
    const want = oracle.rmsnorm(x, w, R, D, eps);
    expect(got.y).toBeAllclose(want.y, { rtol: 1e-6 });
    expect(got.dx).toBeWithin(oracle.rmsnormBackward(dy, x, w, R, D, eps).dx, f32Bound(magnitude(dy, x, w, R, D), 'tree'));
  });

  test('nothing that trains: no backward, no recipe', async () => {
    const [x, w] = [await input('x', [2, 4], f32(8, 1)), await input('w', [4], f32(4, 2))];
    let tape = -1;
    await runProgram((p) => {
      const y = rmsnorm(p, x, { name: 'w', value: w, grad: null }, eps);
      tape = p.tape.length + p.recipes.size;
      return { y };
    });
    expect(tape).toBe(0);
  });
});
