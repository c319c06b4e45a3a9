// Attention run for a test: packed rows of tokens, values, and what comes of them on the GPU.
import { backward, giveGrad, gradOf } from '../../src/gpu/program.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { attention } from '../../src/ops/attention/attention.ts';
import type { Form } from '../../src/ops/attention/forms.ts';
import { input, runProgram } from '../gpu/harness.ts';
import type * as oracle from '../oracle/attention.ts';
import { noise } from '../oracle/finite.ts';

export type Heads = oracle.Heads;
export const f32 = (n: number, seed: number, size = 1) => new Float32Array(noise(n, seed, size));
export const heads = (n_heads: number, n_kv_heads: number, head_dim: number): Heads => ({ n_heads, n_kv_heads, head_dim });

/** First key, last key and last token of its row for each token of rows laid end to end. */
export function streamOf(rows: number[]) {
  const lo = rows.flatMap((n, r) => Array(n).fill(rows.slice(0, r).reduce((a, b) => a + b, 0)));
  const hi = rows.flatMap((n, r) => Array(n).fill(rows.slice(0, r + 1).reduce((a, b) => a + b, 0) - 1));
  return { lo, hi, last: lo.map((_, t) => t) };
}

export function valuesOf(N: number, { n_heads, n_kv_heads, head_dim }: Heads, size = 1) {
  const [wide, narrow] = [N * n_heads * head_dim, N * n_kv_heads * head_dim];
  return { q: f32(wide, 1, size), k: f32(narrow, 2, size), v: f32(narrow, 3), dy: f32(wide, 4) };
}

/** Forward and backward on the GPU; absent gradients come back empty. */
export async function attentionOnGpu(rows: number[], h: Heads, a: ReturnType<typeof valuesOf>, form: Form, needs = 'qkv') {
  const s = streamOf(rows);
  const N = s.lo.length;
  const [wide, narrow] = [h.n_heads * h.head_dim, h.n_kv_heads * h.head_dim];
  const [q, k, v] = [await input('q', [N, wide], a.q), await input('k', [N, narrow], a.k), await input('v', [N, narrow], a.v)];
  const dy = await input('dy', [N, wide], a.dy);
  const [lo, last, hi] = await Promise.all(
    [s.lo, s.last, s.hi].map((x, i) => input(['lo', 'last', 'hi'][i], [N], new Uint32Array(x), 'u32')),
  );
  const absent = await input('absent', [0], []);
  return runProgram((p) => {
    for (const [name, t] of Object.entries({ q, k, v })) if (needs.includes(name)) p.needs.add(t);
    const o = attention(p, q, k, v, { lo, last, hi, ...h, scale: h.head_dim ** -0.5, form });
    giveGrad(p, o, dy);
    backward(p);
    const grad = (t: Tensor) => gradOf(p, t) ?? absent;
    return { o, dq: grad(q), dk: grad(k), dv: grad(v) };
  });
}
