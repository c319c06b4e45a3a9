// The references' own tests: each backward against finite differences in f64, and figures that can be checked by hand.
import { describe, expect, test } from 'vitest';
import '../compare.ts';
import { attention, attentionBackward } from './attention.ts';
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

  test('factors, as GGUF files have them, divide pair by pair', () => {
    const factors = [1, 2, 4, 8];
    expect(ropeFrequencies({ theta: 10000, scaling: { type: 'factors', factors } }, 8)).toBeAllclose(
      [1, 0.05, 0.0025, 0.000125],
      { rtol: 1e-14 },
    );
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
