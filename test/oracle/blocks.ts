// f64 reference of what Sparse Matrix Tuning adds: products with a few b x b blocks of a matrix, those blocks' gradients,
// and the score of every block. Block i covers rows index[2i] b .. and columns index[2i+1] b .. of the weight [out, in].
import type { Numbers } from '../compare.ts';

/** y[N,out] = x[N,in] Dᵀ, where D is zero but for its blocks D[n,b,b]. */
export function blockLinear(
  x: Numbers,
  D: Numbers,
  index: Numbers,
  b: number,
  N: number,
  out: number,
  inner: number,
): Float64Array {
  const y = new Float64Array(N * out);
  visit(index, b, (row, column, at) => {
    for (let t = 0; t < N; t++) y[t * out + row] += D[at] * x[t * inner + column];
  });
  return y;
}

/** dx[N,in] = dy[N,out] D. */
export function blockLinearBackward(
  dy: Numbers,
  D: Numbers,
  index: Numbers,
  b: number,
  N: number,
  out: number,
  inner: number,
): Float64Array {
  const dx = new Float64Array(N * inner);
  visit(index, b, (row, column, at) => {
    for (let t = 0; t < N; t++) dx[t * inner + column] += D[at] * dy[t * out + row];
  });
  return dx;
}

/** dD[n,b,b]: the blocks of dyᵀ x. */
export function blockGradient(
  dy: Numbers,
  x: Numbers,
  index: Numbers,
  b: number,
  N: number,
  out: number,
  inner: number,
): Float64Array {
  const dD = new Float64Array((index.length / 2) * b * b);
  visit(index, b, (row, column, at) => {
    for (let t = 0; t < N; t++) dD[at] += dy[t * out + row] * x[t * inner + column];
  });
  return dD;
}

/** The blocks [n,b,b] of a matrix [out,in]. */
export function takeBlocks(w: Numbers, index: Numbers, b: number, inner: number): Float64Array {
  const taken = new Float64Array((index.length / 2) * b * b);
  visit(index, b, (row, column, at) => (taken[at] = w[row * inner + column]));
  return taken;
}

/** Write blocks [n,b,b] over those of a matrix [out,in], in place. */
export function putBlocks(w: Float64Array, blocks: Numbers, index: Numbers, b: number, inner: number) {
  visit(index, b, (row, column, at) => (w[row * inner + column] = blocks[at]));
}

/** [out/b, in/b]: the mean of f over each block of w[out,in]; f is given the value and its column. */
export function blockMeans(
  w: Numbers,
  out: number,
  inner: number,
  b: number,
  f: (value: number, column: number) => number,
): Float64Array {
  const columns = inner / b;
  const means = new Float64Array((out / b) * columns);
  for (let r = 0; r < out; r++)
    for (let c = 0; c < inner; c++) means[Math.floor(r / b) * columns + Math.floor(c / b)] += f(w[r * inner + c], c) / (b * b);
  return means;
}

/** Score maps [out/b, in/b] of one matrix from its gradients dW[out,in], one a warm-up step. */
export function gradientScores(steps: Numbers[], out: number, inner: number, b: number) {
  const signed = steps.reduce<Float64Array>((sum, g) => sum.map((s, i) => s + g[i]), new Float64Array(out * inner));
  const overSteps = (f: (g: number) => number) =>
    steps.map((g) => blockMeans(g, out, inner, b, f)).reduce((sum, map) => sum.map((s, i) => s + map[i]));
  return {
    absmean: overSteps(Math.abs),
    absofmean: blockMeans(signed, out, inner, b, (g) => g).map(Math.abs),
    'absmean-of-sum': blockMeans(signed, out, inner, b, Math.abs),
    l2: overSteps((g) => g * g).map((mean) => Math.sqrt(mean * b * b)),
  };
}

/** Score maps [out/b, in/b] of one weight w[out,in]; x[N,in] is its input over every token of the warm-up. */
export function weightScores(w: Numbers, x: Numbers, N: number, out: number, inner: number, b: number) {
  const size = new Float64Array(inner); // mean over tokens of |x_j|
  for (let i = 0; i < N * inner; i++) size[i % inner] += Math.abs(x[i]) / N;
  return {
    magnitude: blockMeans(w, out, inner, b, Math.abs),
    activation: blockMeans(w, out, inner, b, (value, column) => Math.abs(value) * size[column]),
  };
}

/** Every element of every block: its row and column in the matrix and its place in the packed blocks. */
function visit(index: Numbers, b: number, f: (row: number, column: number, at: number) => void) {
  for (let i = 0; i < index.length / 2; i++)
    for (let r = 0; r < b; r++)
      for (let c = 0; c < b; c++) f(index[2 * i] * b + r, index[2 * i + 1] * b + c, (i * b + r) * b + c);
}
