// Rows picked by index and their gradients put back.

import { describe, expect, test } from 'vitest';
import { backward, giveGrad, gradOf } from '../../src/gpu/program.ts';
import { gatherRows } from '../../src/ops/loss/gather.ts';
import { input, runProgram } from '../gpu/harness.ts';
import { noise } from '../oracle/finite.ts';

const PADDING = 0xffffffff;
const f32 = (n: number, seed: number) => new Float32Array(noise(n, seed));

describe('gatherRows', () => {
  test.each([
    [1, 1, [0]],
    [5, 3, [4, 0, PADDING, 2]],
    [5, 4, [1, PADDING]],
    [9, 63, [8, 7, 0, 3]],
    [9, 65, [PADDING, PADDING, 5]],
    [6, 256, [5, 0, 2]],
    [6, 260, [2]],
  ])('h [%i, %i] at %j: rows, zeros for padding, and both forms of the backward', async (N, D, at) => {
    const M = at.length;
    const [h, dy, have] = [f32(N * D, 1), f32(M * D, 2), f32(N * D, 3)];
    const row = (a: Float32Array, i: number) => a.slice(i * D, (i + 1) * D);
    // the index list is longer than what this step uses, as in a step shorter than the largest
    const [th, tat, tdy] = [
      await input('h', [N, D], h),
      await input('at', [M + 3], [...at, 1, 1, 1], 'u32'),
      await input('dy', [M, D], dy),
    ];
    const tg = await input('have', [N, D], have);
    const go = (add: boolean) =>
      runProgram((p) => {
        p.needs.add(th);
        const y = gatherRows(p, th, tat, M);
        giveGrad(p, y, tdy);
        if (add) giveGrad(p, th, tg);
        backward(p);
        return { y, dh: gradOf(p, th)! };
      });
    const got = await go(false);
    const zeros = new Float32Array(D);
    expect(at.map((_, m) => row(got.y, m))).toEqual(at.map((i) => (i === PADDING ? zeros : row(h, i))));
    for (let i = 0; i < N; i++) expect(row(got.dh, i)).toEqual(at.includes(i) ? row(dy, at.indexOf(i)) : zeros);
    const added = await go(true);
    expect(added.dh).toEqual(have.map((v, i) => v + got.dh[i]));
  });
});
