// f64 reference of RMSNorm: y = weight x / sqrt(mean(x²) + eps), row by row. The q/k norm is this with a row for each head.
import type { Numbers } from '../compare.ts';

/** y[rows,D] and inv[rows] = 1 / sqrt(mean(x²) + eps) of x[rows,D]. */
export function rmsnorm(x: Numbers, weight: Numbers, rows: number, D: number, eps: number) {
  const y = new Float64Array(rows * D);
  const inv = new Float64Array(rows);
  for (let r = 0; r < rows; r++) {
    let squares = 0;
    for (let d = 0; d < D; d++) squares += x[r * D + d] ** 2;
    inv[r] = 1 / Math.sqrt(squares / D + eps);
    for (let d = 0; d < D; d++) y[r * D + d] = x[r * D + d] * inv[r] * weight[d];
  }
  return { y, inv };
}

/** dx[rows,D] and dweight[D]. With n = x inv and g = dy weight: dx = inv (g - n mean(g n)), dweight = Σ dy n. */
export function rmsnormBackward(dy: Numbers, x: Numbers, weight: Numbers, rows: number, D: number, eps: number) {
  const { inv } = rmsnorm(x, weight, rows, D, eps);
  const dx = new Float64Array(rows * D);
  const dweight = new Float64Array(D);
  for (let r = 0; r < rows; r++) {
    let mean = 0;
    for (let d = 0; d < D; d++) mean += (dy[r * D + d] * weight[d] * x[r * D + d] * inv[r]) / D;
    for (let d = 0; d < D; d++) {
      const n = x[r * D + d] * inv[r];
      dx[r * D + d] = inv[r] * (dy[r * D + d] * weight[d] - n * mean);
      dweight[d] += dy[r * D + d] * n;
    }
  }
  return { dx, dweight };
}
