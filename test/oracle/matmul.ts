// f64 reference of the matrix product in its three layouts, and of the linear layer made of them. Matrices are row-major.
import type { Numbers } from '../compare.ts';

/** c[rows,cols] = a[rows,inner] b[cols,inner]ᵀ: a linear layer's forward, with b the weight [out, in]. */
export function matmulNT(a: Numbers, b: Numbers, rows: number, cols: number, inner: number): Float64Array {
  const c = new Float64Array(rows * cols);
  for (let m = 0; m < rows; m++)
    for (let n = 0; n < cols; n++) {
      let sum = 0;
      for (let k = 0; k < inner; k++) sum += a[m * inner + k] * b[n * inner + k];
      c[m * cols + n] = sum;
    }
  return c;
}

/** c[rows,cols] = a[rows,inner] b[inner,cols]: the gradient of a linear layer's input, with b the weight [out, in]. */
export function matmulNN(a: Numbers, b: Numbers, rows: number, cols: number, inner: number): Float64Array {
  const c = new Float64Array(rows * cols);
  for (let m = 0; m < rows; m++)
    for (let k = 0; k < inner; k++) for (let n = 0; n < cols; n++) c[m * cols + n] += a[m * inner + k] * b[k * cols + n];
  return c;
}

/** c[rows,cols] = a[inner,rows]ᵀ b[inner,cols]: the gradient of a linear layer's weight, with inner the tokens. */
export function matmulTN(a: Numbers, b: Numbers, rows: number, cols: number, inner: number): Float64Array {
  const c = new Float64Array(rows * cols);
  for (let k = 0; k < inner; k++)
    for (let m = 0; m < rows; m++) for (let n = 0; n < cols; n++) c[m * cols + n] += a[k * rows + m] * b[k * cols + n];
  return c;
}

/** y[N,out] = x[N,in] w[out,in]ᵀ (+ bias[out]). */
export function linear(x: Numbers, w: Numbers, N: number, out: number, inner: number, bias?: Numbers): Float64Array {
  const y = matmulNT(x, w, N, out, inner);
  if (bias) for (let i = 0; i < y.length; i++) y[i] += bias[i % out];
  return y;
}

/** From dy[N,out]: dx = dy w [N,in], dw = dyᵀ x [out,in], dbias[out] = the columns' sums of dy. */
export function linearBackward(dy: Numbers, x: Numbers, w: Numbers, N: number, out: number, inner: number) {
  const dx = matmulNN(dy, w, N, inner, out);
  const dw = matmulTN(dy, x, out, inner, N);
  return { dx, dw, dbias: columnSums(dy, N, out) };
}

/** [columns]: the sum of each column of a[rows, columns]. */
export function columnSums(a: Numbers, rows: number, columns: number): Float64Array {
  const sums = new Float64Array(columns);
  for (let i = 0; i < rows * columns; i++) sums[i % columns] += a[i];
  return sums;
}

/** Element by element a + b. */
export function add(a: Numbers, b: Numbers): Float64Array {
  return Float64Array.from(a, (x, i) => x + b[i]);
}

/** Absolute values: a product of these gives sum|a||b|, the measure of an f32 sum's error. */
export function abs(a: Numbers): Float64Array {
  return Float64Array.from(a, Math.abs);
}
