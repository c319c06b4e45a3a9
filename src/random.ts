/**
 * Seeded random numbers: sfc32 (Chris Doty-Humphrey's small fast counter, 128 bits of state), the same in every runtime.
 * A stream is named by numbers, such as seed and epoch, so that any of them can be had again without those before it.
 */

/** Uniform 32-bit integers; streams of unlike names are independent. */
export function random(...name: [number, ...number[]]): () => number {
  let [a, b, c, counter] = [name[0] >>> 0, (name[1] ?? 0) >>> 0, (name[2] ?? 0) >>> 0, 1];
  const next = () => {
    const out = (a + b + counter) >>> 0;
    counter = (counter + 1) >>> 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + out) | 0;
    return out;
  };
  for (let i = 0; i < 15; i++) next();
  return next;
}

/** Uniform integer in [0, n), without the bias of a remainder. */
export function below(n: number, next: () => number): number {
  const whole = 2 ** 32 - (2 ** 32 % n);
  for (;;) {
    const draw = next();
    if (draw < whole) return draw % n;
  }
}

/** 0..n-1 in random order (Fisher and Yates). */
export function permutation(n: number, next: () => number): Uint32Array {
  const order = Uint32Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const j = below(i + 1, next);
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}
