// The references' own tests: each backward against finite differences in f64, and figures that can be checked by hand.
import { describe, expect, test } from 'vitest';
import '../compare.ts';
import { adamw, clipScale, globalNorm, learningRate } from './adamw.ts';
import { attention, attentionBackward } from './attention.ts';
import {
  blockGradient,
  blockLinear,
  blockLinearBackward,
  gradientScores,
  putBlocks,
  takeBlocks,
  weightScores,
} from './blocks.ts';
import { embedding, embeddingBackward } from './embedding.ts';
import { dot, finiteDifference, noise } from './finite.ts';
import { crossEntropy, crossEntropyBackward } from './loss.ts';
import { linear, linearBackward, matmulNN, matmulNT, matmulTN } from './matmul.ts';
import { rmsnorm, rmsnormBackward } from './rmsnorm.ts';
import { rope, ropeBackward, ropeFrequencies } from './rope.ts';
import { swiglu, swigluBackward } from './swiglu.ts';

const near = { rtol: 1e-7, atol: 1e-9 };

describe('matrix product', () => {
  test('its three layouts agree', () => {
    const [a, b] = [noise(15, 1), noise(10, 2)]; // [3,5], [5,2]
    const turn = (m: Float64Array, rows: number, columns: number) =>
      m.map((_, i) => m[(i % rows) * columns + Math.floor(i / rows)]);
    const c = matmulNN(a, b, 3, 2, 5);
    expect(c[3]).toBeCloseTo(a[5] * b[1] + a[6] * b[3] + a[7] * b[5] + a[8] * b[7] + a[9] * b[9], 14);
    expect(matmulNT(a, turn(b, 5, 2), 3, 2, 5)).toBeAllclose(c, { rtol: 1e-14 });
    expect(matmulTN(turn(a, 3, 5), b, 3, 2, 5)).toBeAllclose(c, { rtol: 1e-14 });
  });

  test('linear: gradients of input, weight and bias', () => {
    const [N, out, inner] = [3, 2, 4];
    const [x, w, bias, dy] = [noise(N * inner, 1), noise(out * inner, 2), noise(out, 3), noise(N * out, 4)];
    const f = (x: Float64Array, w: Float64Array, bias: Float64Array) => dot(linear(x, w, N, out, inner, bias), dy);
    const { dx, dw, dbias } = linearBackward(dy, x, w, N, out, inner);
    expect(dx).toBeAllclose(
      finiteDifference((x) => f(x, w, bias), x),
      near,
    );
    expect(dw).toBeAllclose(
      finiteDifference((w) => f(x, w, bias), w),
      near,
    );
    expect(dbias).toBeAllclose(
      finiteDifference((bias) => f(x, w, bias), bias),
      near,
    );
  });
});

describe('embedding', () => {
  test('gathers rows and adds up the gradient of a repeated id', () => {
    const [table, dy] = [noise(8, 1), noise(6, 2)];
    const ids = [3, 0, 3];
    expect([...embedding(table, ids, 2)]).toEqual([table[6], table[7], table[0], table[1], table[6], table[7]]);
    const dtable = embeddingBackward(dy, ids, 4, 2);
    expect([...dtable]).toEqual([dy[2], dy[3], 0, 0, 0, 0, dy[0] + dy[4], dy[1] + dy[5]]);
    expect(dtable).toBeAllclose(
      finiteDifference((table) => dot(embedding(table, ids, 2), dy), table),
      near,
    );
  });
});

describe('rmsnorm', () => {
  test('of (3, 4) with weights (1, 2)', () => {
    const { y, inv } = rmsnorm([3, 4], [1, 2], 1, 2, 0.5);
    expect(inv).toBeAllclose([1 / Math.sqrt(13)], { rtol: 1e-15 });
    expect(y).toBeAllclose([3 / Math.sqrt(13), 8 / Math.sqrt(13)], { rtol: 1e-15 });
  });

  test.each([1e-6, 0.3])('gradients at eps %d', (eps) => {
    const [x, weight, dy] = [noise(15, 1), noise(5, 2), noise(15, 3)];
    const { dx, dweight } = rmsnormBackward(dy, x, weight, 3, 5, eps);
    expect(dx).toBeAllclose(
      finiteDifference((x) => dot(rmsnorm(x, weight, 3, 5, eps).y, dy), x),
      near,
    );
    expect(dweight).toBeAllclose(
      finiteDifference((weight) => dot(rmsnorm(x, weight, 3, 5, eps).y, dy), weight),
      near,
    );
  });
});

describe('rope', () => {
  test('default frequencies fall from 1 by powers of theta', () => {
    expect(ropeFrequencies({ theta: 10000, scaling: null }, 8)).toBeAllclose([1, 0.1, 0.01, 0.001], { rtol: 1e-14 });
  });

  test('linear scaling slows all', () => {
    const scaling = { type: 'linear', factor: 4 } as const;
    expect(ropeFrequencies({ theta: 10000, scaling }, 8)).toBeAllclose([0.25, 0.025, 0.0025, 0.00025], { rtol: 1e-14 });
  });

  test('llama3 scaling keeps short waves, slows long ones, blends between', () => {
    // Turns in the old context: 100 f / (2 pi) = 15.9, 1.59, 0.159 at f = 1, 0.1, 0.01. Kept from 4, slowed below 1.
    const scaling = {
      type: 'llama3',
      factor: 8,
      low_freq_factor: 1,
      high_freq_factor: 4,
      original_max_position_embeddings: 100,
    } as const;
    const kept = (10 / (2 * Math.PI) - 1) / 3;
    const want = [1, 0.1 * (kept + (1 - kept) / 8), 0.01 / 8, 0.001 / 8];
    expect(ropeFrequencies({ theta: 10000, scaling }, 8)).toBeAllclose(want, { rtol: 1e-14 });
  });

  test('turns dimension i with i + head_dim / 2, by the position within the row', () => {
    const y = rope([1, 0, 0, 0, 0, 1, 0, 0, 5, 6, 7, 8], [2, 3, 0], 1, 4, [1, 0.1]);
    expect(y.subarray(0, 4)).toBeAllclose([Math.cos(2), 0, Math.sin(2), 0], near);
    expect(y.subarray(4, 8)).toBeAllclose([0, Math.cos(0.3), 0, Math.sin(0.3)], near);
    expect([...y.subarray(8)]).toEqual([5, 6, 7, 8]);
  });

  test('gradient', () => {
    const [x, dy, frequencies] = [noise(16, 1), noise(16, 2), [1, 0.3]];
    const f = (x: Float64Array) => dot(rope(x, [0, 5], 2, 4, frequencies), dy);
    expect(ropeBackward(dy, [0, 5], 2, 4, frequencies)).toBeAllclose(finiteDifference(f, x), near);
  });
});

describe('attention', () => {
  const heads = { n_heads: 4, n_kv_heads: 2, head_dim: 3 };
  const lo = [0, 0, 0, 3, 4, 4]; // rows of 3, 1 and 2 tokens
  const [q, k, v, dy] = [noise(72, 1, 2), noise(36, 2, 2), noise(36, 3), noise(72, 4)];

  test('a row of one token is its value; each query head reads its group', () => {
    const { y, lse } = attention(q, k, v, lo, heads);
    for (const h of [0, 1, 2, 3]) {
      const group = h < 2 ? 0 : 1;
      expect(y.subarray((3 * 4 + h) * 3, (3 * 4 + h + 1) * 3)).toBeAllclose(
        v.subarray((3 * 2 + group) * 3, (3 * 2 + group + 1) * 3),
      );
      const score = dot(
        q.subarray((3 * 4 + h) * 3, (3 * 4 + h + 1) * 3),
        k.subarray((3 * 2 + group) * 3, (3 * 2 + group + 1) * 3),
      );
      expect(lse[3 * 4 + h]).toBeCloseTo(score / Math.sqrt(3), 14);
    }
  });

  test('equal keys average the values seen so far', () => {
    const { y, lse } = attention([1, 1], [1, 1], [2, 4], [0, 0], { n_heads: 1, n_kv_heads: 1, head_dim: 1 });
    expect(y).toBeAllclose([2, 3], near);
    expect(lse).toBeAllclose([1, 1 + Math.log(2)], near);
  });

  test('nothing crosses into another row or the future', () => {
    const apart = attention(q.subarray(48), k.subarray(24), v.subarray(24), [0, 0], heads).y;
    expect(attention(q, k, v, lo, heads).y.subarray(48)).toBeAllclose(apart, { rtol: 0 });
    const [k2, v2] = [k, v].map((a) => a.map((x, i) => (i >= 30 ? 99 : x))); // the last token only
    expect(attention(q, k2, v2, lo, heads).y.subarray(0, 60)).toBeAllclose(attention(q, k, v, lo, heads).y.subarray(0, 60), {
      rtol: 0,
    });
  });

  test('large scores do not overflow', () => {
    const { y, lse } = attention([1000], [1000], [7], [0], { n_heads: 1, n_kv_heads: 1, head_dim: 1 });
    expect([y[0], lse[0]]).toEqual([7, 1e6]);
  });

  test('gradients', () => {
    const { dq, dk, dv } = attentionBackward(dy, q, k, v, lo, heads);
    expect(dq).toBeAllclose(
      finiteDifference((q) => dot(attention(q, k, v, lo, heads).y, dy), q),
      near,
    );
    expect(dk).toBeAllclose(
      finiteDifference((k) => dot(attention(q, k, v, lo, heads).y, dy), k),
      near,
    );
    expect(dv).toBeAllclose(
      finiteDifference((v) => dot(attention(q, k, v, lo, heads).y, dy), v),
      near,
    );
  });
});

describe('swiglu', () => {
  test('at 0, 1 and far out', () => {
    expect(swiglu([0, 1, 800, -800], [5, 2, 3, 3])).toBeAllclose([0, 2 / (1 + Math.exp(-1)), 2400, 0], { rtol: 1e-14 });
  });

  test('gradients', () => {
    const [gate, up, dy] = [noise(9, 1, 4), noise(9, 2), noise(9, 3)];
    const { dgate, dup } = swigluBackward(dy, gate, up);
    expect(dgate).toBeAllclose(
      finiteDifference((gate) => dot(swiglu(gate, up), dy), gate),
      near,
    );
    expect(dup).toBeAllclose(
      finiteDifference((up) => dot(swiglu(gate, up), dy), up),
      near,
    );
  });
});

describe('cross-entropy', () => {
  test('of equal logits is log V a target, whatever their size', () => {
    const { loss, logprob, lse } = crossEntropy([0, 0, 0, 1e4, 1e4, 1e4], [1, 2], 3);
    expect(loss).toBeCloseTo(2 * Math.log(3), 12);
    expect(logprob[1]).toBeCloseTo(-Math.log(3), 10);
    expect(lse[1]).toBeCloseTo(1e4 + Math.log(3), 10);
  });

  test('gradient', () => {
    const [logits, labels] = [noise(12, 1, 3), [3, 0, 3]];
    const f = (logits: Float64Array) => crossEntropy(logits, labels, 4).loss / 3;
    expect(crossEntropyBackward(logits, labels, 4, 1 / 3)).toBeAllclose(finiteDifference(f, logits), near);
  });
});

describe('adamw', () => {
  const options = { lr: 0.1, betas: [0.9, 0.99], eps: 0, weight_decay: 0 } as {
    lr: number;
    betas: [number, number];
    eps: number;
    weight_decay: number;
  };
  const zeros = () => [new Float64Array(2), new Float64Array(2)] as const;

  test('the first step is lr against the sign, whatever the gradient and its scale', () => {
    const p = Float64Array.of(1, 1);
    adamw(p, [5, -0.001], ...zeros(), 1, options, 0.5);
    expect(p).toBeAllclose([0.9, 1.1], { rtol: 1e-14 });
  });

  test('decay is decoupled, and acts on the effective weight', () => {
    const [p, d] = [Float64Array.of(2, 2), Float64Array.of(0, 0)];
    const decaying = { ...options, eps: 1, weight_decay: 0.5 };
    adamw(p, [0, 0], ...zeros(), 1, decaying);
    adamw(d, [0, 0], ...zeros(), 1, decaying, 1, [2, 2]);
    expect(p).toBeAllclose([1.9, 1.9], { rtol: 1e-14 });
    expect(d).toBeAllclose([-0.1, -0.1], { rtol: 1e-14 });
  });

  test('moments, their correction and eps over two steps', () => {
    const p = Float64Array.of(1);
    const [m, v] = [new Float64Array(1), new Float64Array(1)];
    adamw(p, [1], m, v, 1, { ...options, eps: 1 });
    adamw(p, [3], m, v, 2, { ...options, eps: 1 });
    expect([m[0], v[0]]).toBeAllclose([0.39, 0.0999], { rtol: 1e-14 });
    const second = 0.39 / 0.19 / (Math.sqrt(0.0999 / 0.0199) + 1);
    expect(p).toBeAllclose([1 - 0.1 * (1 / 2) - 0.1 * second], { rtol: 1e-14 });
  });

  test('global norm and clipping, on both sides', () => {
    expect(globalNorm([[3], [0, 4]])).toBe(5);
    expect(clipScale(5, 1)).toBeCloseTo(1 / 5.000001, 15);
    expect([clipScale(0.5, 1), clipScale(5, 0)]).toEqual([1, 1]);
  });

  test.each([
    ['linear', [0.5, 1, 1, 0.75, 0.5, 0.25]],
    ['cosine', [0.5, 1, 1, (1 + Math.SQRT1_2) / 2, 0.5, (1 - Math.SQRT1_2) / 2]],
    ['constant', [0.5, 1, 1, 1, 1, 1]],
  ] as const)('%s schedule', (schedule, want) => {
    expect(want.map((_, t) => learningRate(t, 6, 1, schedule, 2))).toBeAllclose(want, { rtol: 1e-14 });
  });
});

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
