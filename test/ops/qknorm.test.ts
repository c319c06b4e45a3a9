// The q/k norm against f64: values, and both gradients.

import { describe, expect, test } from 'vitest';
import { backward, copy, giveGrad, gradOf, type Program, temp } from '../../src/gpu/program.ts';
import { columns, type Tensor } from '../../src/gpu/tensor.ts';
import { qkNorm } from '../../src/ops/norm/qknorm.ts';
import { f32Bound } from '../compare.ts';
import { input, runProgram } from '../gpu/harness.ts';
import { gpuWith } from '../gpu/kernels.ts';
import { noise } from '../oracle/finite.ts';
import * as oracle from '../oracle/rmsnorm.ts';

const eps = 1e-6;
const f32 = (n: number, seed: number) => new Float32Array(noise(n, seed));

/** Forward and backward; `first` says whether the weight's gradient is written or added to 1. */
async function qkNormOnGpu(N: number, heads: number, head_dim: number, { first = 1, trains = true, needs = true } = {}) {
  const n = N * heads * head_dim;
  const [x, w, dy] = [f32(n, 1), f32(head_dim, 2), f32(n, 3)];
  const [tx, tw] = [await input('x', [N, heads * head_dim], x), await input('w', [head_dim], w)];
  // the gradient of y is overwritten by that of x
  const tdy = await input('dy', [N, heads * head_dim], dy);
  const dw = await input('dw', [head_dim], new Float32Array(head_dim).fill(first ? Number.NaN : 1));
  const got = await runProgram(
    (p) => {
      if (needs) p.needs.add(tx);
      const [y] = qkNorm(p, [tx], [{ name: 'q_norm', value: tw, grad: trains ? dw : null }], { head_dim, eps });
      giveGrad(p, y, tdy);
      backward(p);
      return { y, dx: gradOf(p, tx) ?? tdy, dw };
    },
    { accumulate: first ? 0 : 1 },
  );
  return { got, x, w, dy };
}

describe('qkNorm', () => {
  // 64 heads a workgroup; head_dim in fours and not
  test.each([
    [1, 1, 2],
    [3, 2, 6],
    [9, 7, 8],
    [8, 8, 12],
    [13, 5, 64],
    [17, 9, 128],
  ])('%i tokens, %i heads of %i', async (N, heads, head_dim) => {
    const { got, x, w, dy } = await qkNormOnGpu(N, heads, head_dim);
    const rows = N * heads;
    const { y } = oracle.rmsnorm(x, w, rows, head_dim, eps);
    expect(got.y).toBeWithin(y, f32Bound(y.map(Math.abs), { serial: head_dim + 16 }));
    const want = oracle.rmsnormBackward(dy, x, w, rows, head_dim, eps);
    expect(got.dx).toBeCloseL2(want.dx, 1e-6);
    const all = oracle.rmsnormBackward(dy.map(Math.abs), x.map(Math.abs), w, rows, head_dim, eps).dweight;
    expect(got.dw).toBeWithin(want.dweight, f32Bound(all, { serial: rows + 16 }));
  });

  test('adds to the gradient of the weight after the first micro-batch', async () => {
    const { got, x, w, dy } = await qkNormOnGpu(5, 2, 8, { first: 0 });
    const want = oracle.rmsnormBackward(dy, x, w, 10, 8, eps).dweight.map((v) => v + 1);
    expect(got.dw).toBeAllclose(want, { rtol: 1e-6, atol: 1e-6 });
  });

  test('queries and keys as columns of the same rows: the same bits as apart, each by its own weight', async () => {
    const [N, head_dim, ld] = [9, 8, 16 + 8 + 4];
    const [wide, narrow] = [await qkNormOnGpu(N, 2, head_dim), await qkNormOnGpu(N, 1, head_dim)];
    const beside = (a: ArrayLike<number>, b: ArrayLike<number>, rest: number) =>
      Float32Array.from({ length: N * (24 + rest) }, (_, i) => {
        const [t, c] = [Math.floor(i / (24 + rest)), i % (24 + rest)];
        return c < 16 ? a[t * 16 + c] : c < 24 ? b[t * 8 + c - 16] : 5;
      });
    const x = await input('x', [N, ld], beside(wide.x, narrow.x, 4));
    const dy = await input('dy', [N, ld], beside(wide.dy, narrow.dy, 4));
    const [v, w] = [await input('q_norm', [head_dim], wide.w), await input('k_norm', [head_dim], narrow.w)];
    const [dv, dw] = [await input('dv', [head_dim], []), await input('dw', [head_dim], [])];
    const build = (p: Program) => {
      const of = (t: Tensor) => [columns(t, 0, 16, 'q'), columns(t, 16, 8, 'k')];
      const [xs, dys] = [of(x), of(dy)];
      for (const t of xs) p.needs.add(t);
      const named = [
        { name: 'q_norm', value: v, grad: dv },
        { name: 'k_norm', value: w, grad: dw },
      ];
      const ys = qkNorm(p, xs, named, { head_dim, eps });
      ys.forEach((y, i) => giveGrad(p, y, dys[i]));
      const kept = temp(p, 'kept', [N, 24]);
      copy(p, ys[0].of!.t, kept);
      backward(p);
      expect(xs.map((t) => gradOf(p, t))).toEqual(dys);
      return { y: kept, dx: dy, dv, dw };
    };
    const got = await runProgram(build, { gpu: await gpuWith('tiles') });
    expect(got.y).toEqual(beside(wide.got.y, narrow.got.y, 0));
    expect(got.dx).toEqual(beside(wide.got.dx, narrow.got.dx, 4));
    expect([...got.dv, ...got.dw]).toBeAllclose([...wide.got.dw, ...narrow.got.dw], { rtol: 1e-5, atol: 1e-6 });
  });

  test.each([
    ['only x', { trains: false, needs: true }],
    ['only the weight', { trains: true, needs: false }],
  ])('gradients of %s', async (_, what) => {
    const { got, x, w, dy } = await qkNormOnGpu(5, 2, 8, what);
    const want = oracle.rmsnormBackward(dy, x, w, 10, 8, eps);
    if (what.needs) {
      expect(got.dx).toBeCloseL2(want.dx, 1e-6);
      expect(got.dw.every(Number.isNaN)).toBe(true);
    } else {
      expect(got.dx).toEqual(dy); // left alone
      expect(got.dw).toBeCloseL2(want.dweight, 1e-6);
    }
  });

  test('error: a weight of another length', async () => {
    const [x, w] = [await input('x', [2, 8], f32(16, 1)), await input('w', [8], f32(8, 2))];
    const build = runProgram((p) => ({
      y: qkNorm(p, [x], [{ name: 'q_norm', value: w, grad: null }], { head_dim: 4, eps })[0],
    }));
    await expect(build).rejects.toThrow(/heads of 4 and as long a weight, got \[2,8\] and \[8\]: check q_norm/);
  });
});
