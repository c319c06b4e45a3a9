// The reference of LoRA and DoRA against finite differences in f64, and figures that can be checked by hand.
import { describe, expect, test } from 'vitest';
import '../compare.ts';
import { dot, finiteDifference, noise } from './finite.ts';
import { type Factors, lowRank, lowRankBackward, rowNorms } from './lowrank.ts';

const [N, out, inner, r, s] = [3, 4, 5, 2, 0.7];
const base: Factors = { N, out, inner, r, s, W: noise(out * inner, 1), A: noise(r * inner, 2), B: noise(out * r, 3) };
const x = noise(N * inner, 4);
const dy = noise(N * out, 5);
const mask = noise(N * inner, 6).map((v) => (v > 0 ? 2 : 0));
const near = { rtol: 1e-7, atol: 1e-9 };

describe.each([
  ['LoRA', base],
  ['LoRA with dropout', { ...base, mask }],
  ['DoRA', { ...base, m: noise(out, 7) }],
  ['DoRA with dropout', { ...base, m: noise(out, 7), mask }],
] as [string, Factors][])('%s', (_, f) => {
  const norms = rowNorms(f); // held still: a constant in the backward
  const loss = (change: Partial<Factors>, at = x) => dot(lowRank(at, { ...f, ...change }, norms), dy);
  const got = lowRankBackward(dy, x, f);
  test('dx', () =>
    expect(got.dx).toBeAllclose(
      finiteDifference((v) => loss({}, v), x),
      near,
    ));
  test('dA', () =>
    expect(got.dA).toBeAllclose(
      finiteDifference((A) => loss({ A }), f.A),
      near,
    ));
  test('dB', () =>
    expect(got.dB).toBeAllclose(
      finiteDifference((B) => loss({ B }), f.B),
      near,
    ));
  if (f.m)
    test('dm', () =>
      expect(got.dm).toBeAllclose(
        finiteDifference((m) => loss({ m }), f.m!),
        near,
      ));
});

test('a row of (3, 4) with magnitude 10 becomes (6, 8)', () => {
  const f = { N: 1, out: 1, inner: 2, r: 1, s: 1, W: [3, 0], A: [0, 2], B: [2], m: [10] };
  expect([...rowNorms(f)]).toEqual([5]);
  expect([...lowRank([1, 0], f), ...lowRank([0, 1], f)]).toEqual([6, 8]);
});
