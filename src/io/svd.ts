// The best approximation of a matrix by two thin factors, by subspace iteration: enough directions for the rank and a few more are turned
// towards the largest singular ones, then the best of those are kept.

/** D [m, n] as B [m, rank] A [rank, n], A's rows orthonormal; error: the Frobenius norm of what is left of D, and D's own. */
export function lowRank(
  D: Float32Array,
  m: number,
  n: number,
  rank: number,
): { A: Float64Array; B: Float64Array; lost: number; norm: number } {
  const k = Math.min(rank + 8, m, n);
  let Q = Float64Array.from(
    { length: n * k },
    (_, i) => Math.sin(1 + 12.9898 * i) * 43758.5453 - Math.floor(Math.sin(1 + 12.9898 * i) * 43758.5453) - 0.5,
  );
  orthonormalize(Q, n, k);
  for (let pass = 0; pass < PASSES; pass++) {
    const Y = times(D, m, n, Q, k);
    orthonormalize(Y, m, k);
    Q = transposedTimes(D, m, n, Y, k);
    orthonormalize(Q, n, k);
  }
  const Y = times(D, m, n, Q, k);
  const V = eigenvectors(gram(Y, m, k), k);
  const r = Math.min(rank, k);
  const A = new Float64Array(rank * n);
  for (let a = 0; a < r; a++) for (let j = 0; j < n; j++) for (let b = 0; b < k; b++) A[a * n + j] += Q[j * k + b] * V[b * k + a];
  const B = new Float64Array(m * rank);
  let kept = 0;
  for (let i = 0; i < m; i++)
    for (let a = 0; a < r; a++) {
      let sum = 0;
      for (let b = 0; b < k; b++) sum += Y[i * k + b] * V[b * k + a];
      B[i * rank + a] = sum;
      kept += sum * sum;
    }
  const all = D.reduce((sum, x) => sum + x * x, 0);
  return { A, B, lost: Math.sqrt(Math.max(0, all - kept)), norm: Math.sqrt(all) };
}

const PASSES = 8;

/** D Q [m, k]. */
function times(D: Float32Array, m: number, n: number, Q: Float64Array, k: number): Float64Array<ArrayBuffer> {
  const out = new Float64Array(m * k);
  for (let i = 0; i < m; i++)
    for (let j = 0; j < n; j++) {
      const d = D[i * n + j];
      if (d) for (let a = 0; a < k; a++) out[i * k + a] += d * Q[j * k + a];
    }
  return out;
}

/** Dᵀ Y [n, k]. */
function transposedTimes(D: Float32Array, m: number, n: number, Y: Float64Array, k: number): Float64Array<ArrayBuffer> {
  const out = new Float64Array(n * k);
  for (let i = 0; i < m; i++)
    for (let j = 0; j < n; j++) {
      const d = D[i * n + j];
      if (d) for (let a = 0; a < k; a++) out[j * k + a] += d * Y[i * k + a];
    }
  return out;
}

/** Columns made orthonormal in place, twice over (Gram and Schmidt); one that is nothing but the others becomes zero. */
function orthonormalize(Q: Float64Array, rows: number, k: number): void {
  const dot = (a: number, b: number) => {
    let sum = 0;
    for (let i = 0; i < rows; i++) sum += Q[i * k + a] * Q[i * k + b];
    return sum;
  };
  for (let a = 0; a < k; a++) {
    const before = Math.sqrt(dot(a, a));
    for (let again = 0; again < 2; again++)
      for (let b = 0; b < a; b++) {
        const part = dot(a, b);
        for (let i = 0; i < rows; i++) Q[i * k + a] -= part * Q[i * k + b];
      }
    const length = Math.sqrt(dot(a, a));
    const scale = length > 1e-12 * before ? 1 / length : 0;
    for (let i = 0; i < rows; i++) Q[i * k + a] *= scale;
  }
}

function gram(Y: Float64Array, m: number, k: number): Float64Array {
  const G = new Float64Array(k * k);
  for (let i = 0; i < m; i++) for (let a = 0; a < k; a++) for (let b = 0; b < k; b++) G[a * k + b] += Y[i * k + a] * Y[i * k + b];
  return G;
}

/** Eigenvectors of a symmetric matrix [k, k] as columns, that of the largest eigenvalue first: Jacobi's rotations. */
function eigenvectors(G: Float64Array, k: number): Float64Array {
  const V = Float64Array.from({ length: k * k }, (_, i) => Number(i % (k + 1) === 0));
  const turn = (M: Float64Array, p: number, q: number, c: number, s: number, at: (row: number, col: number) => number) => {
    for (let i = 0; i < k; i++) {
      const [x, y] = [M[at(i, p)], M[at(i, q)]];
      [M[at(i, p)], M[at(i, q)]] = [c * x - s * y, s * x + c * y];
    }
  };
  const [columns, rows] = [(i: number, j: number) => i * k + j, (i: number, j: number) => j * k + i];
  for (let sweep = 0; sweep < 30; sweep++)
    for (let p = 0; p < k; p++)
      for (let q = p + 1; q < k; q++) {
        const off = G[p * k + q];
        if (Math.abs(off) <= 1e-15 * Math.sqrt(Math.abs(G[p * k + p] * G[q * k + q]))) continue;
        const angle = 0.5 * Math.atan2(2 * off, G[q * k + q] - G[p * k + p]);
        const [c, s] = [Math.cos(angle), Math.sin(angle)];
        turn(G, p, q, c, s, columns);
        turn(G, p, q, c, s, rows);
        turn(V, p, q, c, s, columns);
      }
  const order = Array.from({ length: k }, (_, i) => i).sort((a, b) => G[b * k + b] - G[a * k + a]);
  return Float64Array.from({ length: k * k }, (_, i) => V[Math.floor(i / k) * k + order[i % k]]);
}
