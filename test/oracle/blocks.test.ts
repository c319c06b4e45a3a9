// The reference of block products and scores, against the dense product and figures that can be checked by hand.
import { describe, expect, test } from 'vitest';
import '../compare.ts';
import {
  blockGradient,
  blockLinear,
  blockLinearBackward,
  gradientScores,
  putBlocks,
  takeBlocks,
  weightScores,
} from './blocks.ts';
import { noise } from './finite.ts';
import { linear, linearBackward } from './matmul.ts';

describe('blocks', () => {
  const [N, out, inner, b] = [3, 4, 6, 2];
  const index = [1, 2, 0, 0]; // rows 2-3 by columns 4-5, and rows 0-1 by columns 0-1
  const [x, dy, D] = [noise(N * inner, 1), noise(N * out, 2), noise(8, 3)];

  test('the product is the dense one with the blocks put into a zero matrix', () => {
    const w = new Float64Array(out * inner);
    putBlocks(w, D, index, b, inner);
    expect([w[2 * inner + 4], w[3 * inner + 5], w[1], w[2]]).toEqual([D[0], D[3], D[5], 0]);
    expect([...takeBlocks(w, index, b, inner)]).toEqual([...D]);
    const dense = linearBackward(dy, x, w, N, out, inner);
    expect(blockLinear(x, D, index, b, N, out, inner)).toBeAllclose(linear(x, w, N, out, inner), { rtol: 1e-13 });
    expect(blockLinearBackward(dy, D, index, b, N, out, inner)).toBeAllclose(dense.dx, { rtol: 1e-13 });
    expect(blockGradient(dy, x, index, b, N, out, inner)).toBeAllclose(takeBlocks(dense.dw, index, b, inner), { rtol: 1e-13 });
  });

  test('scores of gradients: two steps of opposite sign in the first of two blocks', () => {
    const steps = [
      [1, 1, 2, 2],
      [-1, -3, 2, -2],
    ]; // [1 x 4] would not divide: this is [2, 2] in blocks of edge 1, then of edge 2
    const fine = gradientScores(steps, 2, 2, 1);
    expect([...fine.absmean]).toEqual([2, 4, 4, 4]);
    expect([...fine.absofmean]).toEqual([0, 2, 4, 0]);
    const whole = gradientScores(steps, 2, 2, 2);
    expect([whole.absmean[0], whole.absofmean[0], whole['absmean-of-sum'][0], whole.l2[0]]).toEqual([
      3.5,
      0.5,
      1.5,
      Math.sqrt(28),
    ]);
  });

  test('scores of weights: inputs weigh columns', () => {
    const { magnitude, activation } = weightScores([1, -2, 3, -4], [1, 0, -3, 1], 2, 2, 2, 2);
    expect([magnitude[0], activation[0]]).toEqual([2.5, (2 * 1 + 0.5 * 2 + 2 * 3 + 0.5 * 4) / 4]);
  });
});
