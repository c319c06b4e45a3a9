// What a product is added to, and where the gradients of that go.

import { describe, expect, test } from 'vitest';
import { copy, giveGrad, gradOf, temp } from '../../src/gpu/program.ts';
import { fill, fillBackward } from '../../src/ops/elementwise/fill.ts';
import { f32Bound } from '../compare.ts';
import { input, runProgram } from '../gpu/harness.ts';
import { noise } from '../oracle/finite.ts';

const f32 = (n: number, seed: number) => new Float32Array(noise(n, seed));

describe('fill', () => {
  const shapes = [
    [1, 1],
    [3, 21],
    [1, 64],
    [4, 64],
    [5, 52],
    [7, 129],
  ];
  const kinds = ['zero', 'bias', 'residual', 'both'] as const;
  test.each(shapes.flatMap(([N, O]) => kinds.map((kind) => ({ N, O, kind }))))(
    'y [$N, $O] starts at $kind',
    async ({ N, O, kind }) => {
      const [bias, residual] = [f32(O, 1), f32(N * O, 2)];
      const [tb, tr] = [await input('bias', [O], bias), await input('residual', [N, O], residual)];
      const withBias = kind === 'bias' || kind === 'both';
      const withResidual = kind === 'residual' || kind === 'both';
      const { y } = await runProgram((p) => {
        const y = temp(p, 'y', [N, O]);
        fill(p, y, withBias ? { name: 'bias', value: tb, grad: null } : null, withResidual ? tr : undefined);
        return { y };
      });
      const want = Float32Array.from(residual, (v, i) => (withResidual ? v : 0) + (withBias ? bias[i % O] : 0));
      expect(y).toEqual(want);
    },
  );
});

describe('fillBackward', () => {
  // 32 rows are a chunk of the column sum
  test.each([
    [1, 1],
    [31, 63],
    [32, 64],
    [33, 65],
    [100, 260],
  ])('dy [%i, %i]: the bias gets the column sums', async (N, O) => {
    const dy = f32(N * O, 1);
    const [td, grad] = [await input('dy', [N, O], dy), await input('grad', [O], new Float32Array(O).fill(Number.NaN))];
    const bias = { name: 'bias', value: grad, grad };
    const want = new Float64Array(O);
    const size = new Float64Array(O);
    dy.forEach((v, i) => {
      want[i % O] += v;
      size[i % O] += Math.abs(v);
    });
    const first = await runProgram((p) => {
      fillBackward(p, td, bias);
      return { grad };
    });
    expect(first.grad).toBeWithin(want, f32Bound(size, 'tree'));
    const second = await runProgram(
      (p) => {
        fillBackward(p, td, bias);
        return { grad };
      },
      { accumulate: 1 },
    );
    expect(second.grad).toEqual(first.grad.map((v) => v * 2));
  });

  test('the residual takes dy over where it has no gradient, and adds it where it has one', async () => {
    const [N, O] = [3, 5];
    const [dy, have] = [f32(N * O, 1), f32(N * O, 2)];
    const [td, th, r, s] = [
      await input('dy', [N, O], dy),
      await input('have', [N, O], have),
      await input('r', [N, O], have),
      await input('s', [N, O], have),
    ];
    let took = false;
    const { sum } = await runProgram((p) => {
      fillBackward(p, td, null, r);
      took = gradOf(p, r) === td;
      const mine = temp(p, 'mine', [N, O]);
      copy(p, th, mine);
      giveGrad(p, s, mine);
      fillBackward(p, td, null, s);
      return { sum: gradOf(p, s)! };
    });
    expect(took).toBe(true);
    expect(sum).toEqual(dy.map((v, i) => v + have[i]));
  });
});
