// f64 reference of Muon on one matrix: the orthogonalised look-ahead of the moment; and singular values, by Jacobi's rotations.
import type { Numbers } from '../compare.ts';

export interface Muon {
  rows: number;
  cols: number;
  lr: number;
  beta: number;
  weight_decay: number;
  /** Of a step, beside sqrt(max(rows, cols)). */
  scale: number;
}

/** One update in place of param and m; grad is multiplied by clip first. Decay acts on `decayed`: param, or base + param. */
export function muon(param: Float64Array, grad: Numbers, m: Float64Array, o: Muon, clip = 1, decayed: Numbers = param) {
  const u = new Float64Array(param.length);
  for (let i = 0; i < u.length; i++) {
    const g = grad[i] * clip;
    m[i] = o.beta * m[i] + (1 - o.beta) * g;
    u[i] = o.beta * m[i] + (1 - o.beta) * g;
  }
  const x = orthogonalised(u, o.rows, o.cols);
  const size = Math.sqrt(Math.max(o.rows, o.cols)) * o.scale;
  for (let i = 0; i < x.length; i++) param[i] -= o.lr * (o.weight_decay * decayed[i] + size * x[i]);
}

/** Five iterations X = 3.4445 X + (-4.7750 Q + 2.0315 Q^2) X with Q = X X', on the shorter side, from X = u / (|u| + 1e-12). */
export function orthogonalised(u: Numbers, rows: number, cols: number): Float64Array {
  if (rows > cols) return transposed(orthogonalised(transposed(u, rows, cols), cols, rows), cols, rows);
  const norm = Math.sqrt(Array.from(u).reduce((sum, y) => sum + y * y, 0)) + 1e-12;
  let x = Float64Array.from(u, (y) => y / norm);
  for (let step = 0; step < 5; step++) {
    const q = times(x, transposed(x, rows, cols), rows, cols, rows);
    const squared = times(q, q, rows, rows, rows);
    const r = q.map((y, i) => -4.775 * y + 2.0315 * squared[i]);
    const moved = times(r, x, rows, rows, cols);
    x = x.map((y, i) => 3.4445 * y + moved[i]);
  }
  return x;
}

function times(a: Float64Array, b: Float64Array, m: number, k: number, n: number): Float64Array {
  const out = new Float64Array(m * n);
  for (let i = 0; i < m; i++)
    for (let l = 0; l < k; l++) {
      const y = a[i * k + l];
      for (let j = 0; j < n; j++) out[i * n + j] += y * b[l * n + j];
    }
  return out;
}

function transposed(x: Numbers, rows: number, cols: number): Float64Array {
  return Float64Array.from({ length: rows * cols }, (_, k) => x[(k % rows) * cols + Math.floor(k / rows)]);
}

/** Singular values of a matrix, largest first: columns are turned in pairs until they are at right angles (one-sided Jacobi). */
export function singularValues(x: Numbers, rows: number, cols: number): number[] {
  const columns = Array.from({ length: cols }, (_, j) => Float64Array.from({ length: rows }, (_, i) => x[i * cols + j]));
  const dot = (a: Float64Array, b: Float64Array) => a.reduce((sum, y, i) => sum + y * b[i], 0);
  for (let sweep = 0; sweep < 30; sweep++)
    for (let i = 0; i < cols; i++)
      for (let j = i + 1; j < cols; j++) {
        const [a, b] = [columns[i], columns[j]];
        const off = dot(a, b);
        if (Math.abs(off) < 1e-300) continue;
        const zeta = (dot(b, b) - dot(a, a)) / (2 * off);
        const t = (zeta < 0 ? -1 : 1) / (Math.abs(zeta) + Math.sqrt(1 + zeta * zeta));
        const c = 1 / Math.sqrt(1 + t * t);
        for (let k = 0; k < rows; k++) [a[k], b[k]] = [c * (a[k] - t * b[k]), c * (b[k] + t * a[k])];
      }
  const values = columns.map((column) => Math.sqrt(dot(column, column))).sort((a, b) => b - a);
  return values.slice(0, Math.min(rows, cols));
}
