// The comparator itself: every other test leans on it, so it is held on both sides of each bound.
import { describe, expect, test } from 'vitest';
import { f32Bound, relL2, worstOutside } from './compare.ts';

const f64 = (...values: number[]) => Float64Array.from(values);
const message = (run: () => void) => {
  try {
    run();
  } catch (error) {
    return (error as Error).message;
  }
  return 'no error';
};

describe('what is never close', () => {
  test.each([
    ['NaN, number', NaN, 1],
    ['number, NaN', 1, NaN],
    ['NaN, NaN', NaN, NaN],
    ['NaN, Infinity', NaN, Infinity],
    ['Infinity, number', Infinity, 1],
    ['number, Infinity', 1, Infinity],
    ['Infinity, -Infinity', Infinity, -Infinity],
  ])('%s', (_, got, want) => {
    const [a, b] = [f64(1, got, 2), f64(1, want, 2)];
    expect(a).not.toBeAllclose(b, { rtol: 1e30, atol: 1e300 });
    expect(a).not.toBeAllclose(b, { rtol: Infinity, atol: 0 });
    expect(a).not.toBeCloseL2(b, Infinity);
    expect(a).not.toBeWithin(b, f64(Infinity, Infinity, Infinity));
    expect(relL2(a, b)).toBe(Infinity);
  });

  test.each([
    ['longer', [1, 2, 3], [1, 2]],
    ['shorter', [1], [1, 2]],
    ['empty', [], [1]],
  ])('%s', (_, got, want) => {
    expect(got).not.toBeAllclose(want, { rtol: 1e30 });
    expect(got).not.toBeCloseL2(want, 1e30);
    expect(got).not.toBeWithin(want, new Float64Array(want.length).fill(1e30));
  });

  test('a bound of NaN holds nothing but equality', () => {
    expect(f64(1)).not.toBeWithin(f64(2), f64(NaN));
    expect(f64(0, 1)).not.toBeAllclose(f64(0, 2), { rtol: NaN });
  });
});

describe('an infinity is close to itself', () => {
  test.each([Infinity, -Infinity])('%f', (value) => {
    expect(f64(1, value)).toBeAllclose(f64(1, value));
    expect(f64(1, value)).toBeCloseL2(f64(1, value));
    expect(relL2(f64(1.5, value), f64(1, value))).toBe(0.5); // and hides no error beside it
  });
});

describe('toBeAllclose', () => {
  test.each([
    ['relative, inside', 1024 * (1 + 2 ** -10), 1024, { rtol: 2 ** -10 }, true],
    ['relative, outside', 1024 * (1 + 2 ** -9), 1024, { rtol: 2 ** -10 }, false],
    ['relative, negative', -1024 * (1 + 2 ** -9), -1024, { rtol: 2 ** -10 }, false],
    ['the wrong sign', -1, 1, { rtol: 1 }, false],
    ['absolute, inside', 2 ** -20, 0, { rtol: 0, atol: 2 ** -20 }, true],
    ['absolute, outside', 2 ** -19, 0, { rtol: 0, atol: 2 ** -20 }, false],
    ['sum of both, inside', 1.75, 1, { rtol: 0.5, atol: 0.25 }, true],
    ['sum of both, outside', 1.76, 1, { rtol: 0.5, atol: 0.25 }, false],
    ['nothing allowed, equal', 0.1, 0.1, { rtol: 0 }, true],
    ['nothing allowed, one ulp', 0.1 + 2 ** -56, 0.1, { rtol: 0 }, false],
    ['near zero, relative only', 1e-30, 0, { rtol: 1 }, false],
    ['zeros of either sign', -0, 0, { rtol: 0 }, true],
  ])('%s', (_, got, want, tolerance, close) => {
    const check = expect(f64(7, got));
    if (close) check.toBeAllclose(f64(7, want), tolerance);
    else check.not.toBeAllclose(f64(7, want), tolerance);
  });

  test('its default is 1e-5 relative', () => {
    expect([1 + 0.9e-5]).toBeAllclose([1]);
    expect([1 + 1.1e-5]).not.toBeAllclose([1]);
  });

  test('the message names the worst element, not the first, and how many', () => {
    const text = message(() => expect(f64(1, 1.5, 9, 4)).toBeAllclose(f64(1, 1, 3, 4)));
    expect(text).toContain('2 of 4 elements');
    expect(text).toContain('worst at 2: got 9, expected 3');
  });

  test('a NaN is the worst of all', () => {
    expect(message(() => expect(f64(9, NaN, 5)).toBeAllclose(f64(1, 1, 1)))).toContain('worst at 1: got NaN, expected 1');
  });

  test('takes any mixture of arrays', () => {
    expect(new Float32Array([0.5, 2])).toBeAllclose([0.5, 2]);
    expect([1, 2]).not.toBeAllclose(new Int32Array([1, 3]));
  });
});

describe('relL2', () => {
  test.each([
    ['equal', [3, 4], [3, 4], 0],
    ['a tenth', [3, 4.5], [3, 4], 0.1],
    ['all of it', [0, 0], [3, 4], 1],
    ['zeros', [0, 0], [0, 0], 0],
    ['something for nothing', [0, 1e-30], [0, 0], Infinity],
    ['empty', [], [], 0],
    ['unlike lengths', [1, 2], [1], Infinity],
  ])('%s', (_, got, want, error) => expect(relL2(got, want)).toBeCloseTo(error, 15));

  test('both sides of the bound', () => {
    expect([3, 4.5]).toBeCloseL2([3, 4], 0.1001);
    expect([3, 4.5]).not.toBeCloseL2([3, 4], 0.0999);
    expect(message(() => expect([3, 4.5]).toBeCloseL2([3, 4], 0.01))).toMatch(/relative L2 error 0\.1.*worst at 1: got 4\.5/);
    expect(message(() => expect([3.1, 4.5, 5.2]).toBeCloseL2([3, 4, 5]))).toContain('worst at 1: got 4.5');
  });
});

describe('f32Bound', () => {
  test('is c 2^-24 sum|a||b|', () => {
    expect([...f32Bound([2 ** 24, 0], 'tree')]).toEqual([8, 0]);
    expect([...f32Bound([2 ** 24], { serial: 16 })]).toEqual([8]);
    expect([...f32Bound([2 ** 24], { serial: 4 }, 1)]).toEqual([5]);
  });

  test('holds for an f32 sum and refuses a term left out', () => {
    const K = 1000;
    const a = Float32Array.from({ length: K }, (_, i) => Math.fround(Math.sin(i + 1)));
    const want = a.reduce((s, x) => s + x * x, 0);
    let got = 0;
    for (const x of a) got = Math.fround(got + Math.fround(x * x));
    expect(Math.abs(got - want)).toBeGreaterThan(0);
    expect([got]).toBeWithin([want], f32Bound([want], { serial: K }));
    expect([got - a[0] * a[0]]).not.toBeWithin([want], f32Bound([want], { serial: K }));
  });

  test('each element has its own', () => {
    expect(worstOutside([1.5, 1.5], [1, 1], [0.5, 0.5])).toBeNull();
    expect(worstOutside([1.5, 1.5], [1, 1], [0.5, 0.4])).toEqual({ index: 1, count: 1 });
  });
});
