// Products of matrices in f64, by their definition.

export type Numbers = ArrayLike<number>;
type Layout = 'nt' | 'nn' | 'tn';

/** c[M, N] of a b: nt a[M, K] b[N, K], nn a[M, K] b[K, N], tn a[K, M] b[K, N]; sizes: the same of the absolute values. */
export function productF64(layout: Layout, a: Numbers, b: Numbers, M: number, N: number, K: number) {
  const values = new Float64Array(M * N);
  const sizes = new Float64Array(M * N);
  for (let i = 0; i < M; i++)
    for (let j = 0; j < N; j++)
      for (let k = 0; k < K; k++) {
        const term = a[layout === 'tn' ? k * M + i : i * K + k] * b[layout === 'nt' ? j * K + k : k * N + j];
        values[i * N + j] += term;
        sizes[i * N + j] += Math.abs(term);
      }
  return { values, sizes };
}

/** The product alone. */
export const timesF64 = (layout: Layout, a: Numbers, b: Numbers, M: number, N: number, K: number) =>
  productF64(layout, a, b, M, N, K).values;

/** Sums of the columns of x[rows, cols]. */
export function columnsF64(x: Numbers, cols: number): Float64Array {
  const sums = new Float64Array(cols);
  for (let i = 0; i < x.length; i++) sums[i % cols] += x[i];
  return sums;
}

/** The same as Float64Array, element by element of the first. */
export const each = (x: Numbers, f: (value: number, i: number) => number): Float64Array =>
  Float64Array.from({ length: x.length }, (_, i) => f(x[i], i));
