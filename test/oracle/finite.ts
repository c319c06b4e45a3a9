// Gradients by central finite differences in f64, to hold the references' own backward.
import type { Numbers } from '../compare.ts';

/** d f(x) / dx, element by element. The step balances cancellation and curvature: good to about 1e-9 for smooth f of size 1. */
export function finiteDifference(f: (x: Float64Array) => number, x: Numbers, step = 1e-5): Float64Array {
  const at = Float64Array.from(x);
  return at.map((value, i) => {
    at[i] = value + step;
    const above = f(at);
    at[i] = value - step;
    const below = f(at);
    at[i] = value;
    return (above - below) / (2 * step);
  });
}

/** Σ a b: turns an array into one figure whose gradient is b. */
export function dot(a: Numbers, b: Numbers): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

/** n values in [-1, 1) that look random and are the same everywhere (mulberry32). */
export function noise(n: number, seed: number, size = 1): Float64Array {
  let state = seed >>> 0;
  return Float64Array.from({ length: n }, () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let z = Math.imul(state ^ (state >>> 15), state | 1);
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61);
    return size * ((((z ^ (z >>> 14)) >>> 0) / 2 ** 32) * 2 - 1);
  });
}
