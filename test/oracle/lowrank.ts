// f64 reference of low-rank adaptation: LoRA's y = W x + s B A x', DoRA's y = W x + (m/n - 1) W x' + (m/n) s B A x' with
// n = |W + s B A| row by row, a constant in the backward, and x' = x mask. W[out,in], A[r,in], B[out,r]; rows are tokens.
import type { Numbers } from '../compare.ts';
import { matmulNN, matmulNT, matmulTN } from './matmul.ts';

export interface Factors {
  N: number;
  out: number;
  inner: number;
  r: number;
  s: number;
  W: Numbers;
  A: Numbers;
  B: Numbers;
  /** DoRA's magnitudes [out]; LoRA without. */
  m?: Numbers;
  /** What each element of x is multiplied by on its way to the factors [N,in]; all ones without dropout. */
  mask?: Numbers;
}

/** Row norms of W + s B A, formed in full. */
export function rowNorms({ out, inner, r, s, W, A, B }: Omit<Factors, 'N'>): Float64Array {
  const BA = matmulNN(B, A, out, inner, r);
  return Float64Array.from({ length: out }, (_, o) =>
    Math.sqrt(BA.subarray(o * inner, (o + 1) * inner).reduce((sum, ba, i) => sum + (W[o * inner + i] + s * ba) ** 2, 0)),
  );
}

/** y[N,out]. `norms` stands in for the row norms where a finite difference must hold them still. */
export function lowRank(x: Numbers, f: Factors, norms = rowNorms(f)): Float64Array {
  const { N, out, inner, r, s, W, A, B, m, mask } = f;
  const seen = Float64Array.from(x, (v, i) => v * (mask?.[i] ?? 1));
  const plain = matmulNT(x, W, N, out, inner);
  const dropped = matmulNT(seen, W, N, out, inner);
  const low = matmulNT(matmulNT(seen, A, N, r, inner), B, N, out, r);
  return plain.map((y, i) => {
    const g = m ? m[i % out] / norms[i % out] : 1;
    return y + (g - 1) * dropped[i] + g * s * low[i];
  });
}

/** Gradients of everything that moves, and of x, from dy[N,out]. */
export function lowRankBackward(dy: Numbers, x: Numbers, f: Factors) {
  const { N, out, inner, r, s, W, A, B, m, mask } = f;
  const norms = rowNorms(f);
  const gain = Float64Array.from({ length: out }, (_, o) => (m ? m[o] / norms[o] : 1));
  const seen = Float64Array.from(x, (v, i) => v * (mask?.[i] ?? 1));
  const dlow = Float64Array.from(dy, (v, i) => v * gain[i % out] * s);
  const g = matmulNN(dlow, B, N, r, out);
  const through = matmulNN(g, A, N, inner, r);
  const rest = matmulNN(
    Float64Array.from(dy, (v, i) => v * (gain[i % out] - 1)),
    W,
    N,
    inner,
    out,
  );
  const z = matmulNT(seen, W, N, out, inner);
  const u = matmulNT(seen, A, N, r, inner);
  const low = matmulNT(u, B, N, out, r);
  const dm = new Float64Array(out);
  for (let i = 0; i < N * out; i++) dm[i % out] += (dy[i] * (z[i] + s * low[i])) / norms[i % out];
  return {
    dx: matmulNN(dy, W, N, inner, out).map((v, i) => v + (mask?.[i] ?? 1) * (through[i] + rest[i])),
    dA: matmulTN(g, seen, r, inner, N),
    dB: matmulTN(dlow, u, out, r, N),
    dm,
  };
}
