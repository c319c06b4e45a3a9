// Attention over queries, keys and values that are columns of wider rows: the same bits as of tensors of their own.
import { expect, test } from 'vitest';
import { backward, giveGrad, gradOf } from '../../src/gpu/program.ts';
import { columns } from '../../src/gpu/tensor.ts';
import { attention } from '../../src/ops/attention/attention.ts';
import { input, runProgram } from '../gpu/harness.ts';
import { some } from '../some.ts';
import { attentionOnGpu, heads, streamOf, valuesOf } from './attention.ts';

test.each(
  some(
    [
      [[5, 12], heads(2, 1, 6), false],
      [[33, 30], heads(8, 4, 32), false],
      [[33, 3], heads(2, 1, 6), true],
      [[5, 12], heads(4, 2, 16), true],
    ] as const,
    2,
  ),
)('%j, %o, normed queries and keys in rows of their own: %s', async ([...rows], h, normed) => {
  const s = streamOf(rows);
  const N = s.lo.length;
  const a = valuesOf(N, h);
  const apart = await attentionOnGpu(rows, h, a, 'tiles');
  const [wide, narrow] = [h.n_heads * h.head_dim, h.n_kv_heads * h.head_dim];
  const ld = wide + 2 * narrow;
  const beside = (parts: Float32Array[]) => {
    const [widths, out] = [parts.map((x) => x.length / N), [] as number[]];
    for (let n = 0; n < N; n++) parts.forEach((x, i) => out.push(...x.subarray(n * widths[i], (n + 1) * widths[i])));
    return new Float32Array(out);
  };
  const qkv = await input('qkv', [N, ld], beside([a.q, a.k, a.v]));
  const qk = normed ? await input('qk', [N, wide + narrow], beside([a.q, a.k])) : qkv;
  const dy = await input('dy', [N, wide], a.dy);
  const [lo, last, hi] = await Promise.all(
    [s.lo, s.last, s.hi].map((x, i) => input(['lo', 'last', 'hi'][i], [N], new Uint32Array(x), 'u32')),
  );
  const got = await runProgram((p) => {
    const q = columns(qk, 0, wide, 'q');
    const k = columns(qk, wide, narrow, 'k');
    const v = columns(qkv, wide + narrow, narrow, 'v');
    for (const t of [q, k, v]) p.needs.add(t);
    const o = attention(p, q, k, v, { lo, last, hi, ...h, scale: h.head_dim ** -0.5, form: 'tiles' });
    giveGrad(p, o, dy);
    backward(p);
    const grads = [q, k, v].map((t) => gradOf(p, t)!.of!);
    expect(grads.map(({ t, at }) => [t, at])).toEqual([0, wide, wide + narrow].map((at) => [grads[0].t, at]));
    return { o, d: grads[0].t };
  });
  expect(got.o).toEqual(apart.o);
  expect(got.d).toEqual(beside([apart.dq, apart.dk, apart.dv]));
});
