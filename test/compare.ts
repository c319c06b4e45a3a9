// How a test says that two arrays of numbers are the same: element by element, by relative L2 norm, or within the error
// that f32 arithmetic may make. Importing this file registers the matchers. It knows nothing of kernels or models.
//
//     import { f32Bound } from '../compare.ts';
//     expect(got).toBeAllclose(want, { rtol: 1e-6, atol: 1e-9 });
//     expect(got).toBeCloseL2(want, 1e-5);
//     expect(got).toBeWithin(want, f32Bound(magnitude, 'tree'));
//
// NaN equals nothing, not even NaN; an infinity equals only itself; unlike lengths never match.
import { expect } from 'vitest';

export type Numbers = ArrayLike<number>;
export type Tolerance = { rtol?: number; atol?: number };

/** ‖got - want‖ / ‖want‖. Both 0 is 0; Infinity where lengths differ or a value that is not finite meets another. */
export function relL2(got: Numbers, want: Numbers): number {
  if (got.length !== want.length) return Infinity;
  let error = 0;
  let size = 0;
  for (let i = 0; i < want.length; i++) {
    const difference = distance(got[i], want[i]);
    if (difference === Infinity) return Infinity;
    error += difference * difference;
    if (Number.isFinite(want[i])) size += want[i] * want[i];
  }
  return error === 0 ? 0 : Math.sqrt(error / size);
}

/** c 2^-24 sum|a||b|: the error an f32 dot product of K terms may make. c is 8 for a tree, 2 sqrt(K) for serial sums.
 *  `magnitude` is sum|a||b|, one value per output element (the f64 oracle over absolute values); `floor` is added to each. */
export function f32Bound(magnitude: Numbers, order: 'tree' | { serial: number }, floor = 0): Float64Array {
  const c = order === 'tree' ? 8 : 2 * Math.sqrt(order.serial);
  return Float64Array.from(magnitude, (m) => c * 2 ** -24 * m + floor);
}

/** The element furthest outside its bound: |got - want| <= bound[i]. null where all hold. */
export function worstOutside(got: Numbers, want: Numbers, bound: Numbers): { index: number; count: number } | null {
  let worst = { index: -1, excess: -1, error: -1 };
  let count = 0;
  for (let i = 0; i < want.length; i++) {
    const error = distance(got[i], want[i]);
    if (error <= bound[i] && error < Infinity) continue; // no bound, not even an infinite one, lets a NaN through
    count++;
    const ratio = error / bound[i];
    const excess = Number.isNaN(ratio) ? Infinity : ratio; // a bound of NaN bounds nothing
    if (excess > worst.excess || (excess === worst.excess && error > worst.error)) worst = { index: i, excess, error };
  }
  return count === 0 ? null : { index: worst.index, count };
}

/** |a - b|, with NaN infinitely far from everything and an infinity at distance 0 from itself alone. */
function distance(a: number, b: number): number {
  if (a === b) return 0;
  const d = Math.abs(a - b);
  return Number.isNaN(d) ? Infinity : d;
}

type Result = { pass: boolean; message: () => string };

function within(got: Numbers, want: Numbers, bound: Numbers, name: string): Result {
  if (got.length !== want.length || bound.length !== want.length)
    return { pass: false, message: () => `expected ${want.length} elements and bounds, got ${got.length} and ${bound.length}` };
  const bad = worstOutside(got, want, bound);
  if (!bad) return { pass: true, message: () => `expected arrays to differ by more than ${name}, all ${want.length} are within` };
  const i = bad.index;
  const where = `${bad.count} of ${want.length} elements are outside ${name}; worst at ${i}`;
  const error = distance(got[i], want[i]);
  return { pass: false, message: () => `${where}: got ${got[i]}, expected ${want[i]}, error ${error}, bound ${bound[i]}` };
}

function allclose(got: Numbers, want: Numbers, { rtol = 1e-5, atol = 0 }: Tolerance = {}): Result {
  // An infinity is bounded by 0, so that it is matched by itself only.
  const bound = Float64Array.from(want, (w) => (Number.isFinite(w) ? atol + rtol * Math.abs(w) : 0));
  return within(got, want, bound, `rtol ${rtol}, atol ${atol}`);
}

function closeL2(got: Numbers, want: Numbers, bound = 1e-5): Result {
  const error = relL2(got, want);
  if (error <= bound && error < Infinity)
    return { pass: true, message: () => `expected a relative L2 error above ${bound}, got ${error}` };
  const elements = allclose(got, want, { rtol: 0 });
  return { pass: false, message: () => `relative L2 error ${error}, bound ${bound}; ${elements.message()}` };
}

expect.extend({
  toBeAllclose: allclose,
  toBeCloseL2: closeL2,
  toBeWithin: (got: Numbers, want: Numbers, bound: Numbers) => within(got, want, bound, 'the bounds'),
});

interface ArrayMatchers<R = unknown> {
  /** |got - want| <= atol + rtol |want| for every element; rtol 1e-5 and atol 0 unless told. */
  toBeAllclose(want: Numbers, tolerance?: Tolerance): R;
  /** ‖got - want‖ <= bound ‖want‖; 1e-5 unless told. */
  toBeCloseL2(want: Numbers, bound?: number): R;
  /** |got - want| <= bound, element by element. */
  toBeWithin(want: Numbers, bound: Numbers): R;
}

declare module 'vitest' {
  interface Assertion<T = any> extends ArrayMatchers<T> {}
}
