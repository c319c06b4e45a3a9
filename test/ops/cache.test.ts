// Decoding's attention: keys and values at their places in the cache, and single queries over it against f64, alone and beside others.

import { describe, expect, test } from 'vitest';
import { columns } from '../../src/gpu/tensor.ts';
import { attentionCached, intoCache } from '../../src/ops/attention/cache.ts';
import * as oracle from '../oracle/attention.ts';
import { rope } from '../oracle/rope.ts';
import '../compare.ts';
import { input, runProgram } from '../gpu/harness.ts';
import { gpuWith, type Kernels } from '../gpu/kernels.ts';
import { noise } from '../oracle/finite.ts';
import { some } from '../some.ts';

type Heads = oracle.Heads;
const f32 = (n: number, seed: number) => Float32Array.from(noise(n, seed));

/** Outputs of the tokens at these positions of rows of their own; what lies in the cache beyond them is NaN. */
async function attended(kernels: Kernels, h: Heads, capacity: number, positions: number[], seeds = positions.map((_, i) => i)) {
  const [wide, narrow] = [h.n_heads * h.head_dim, h.n_kv_heads * h.head_dim];
  const N = positions.length;
  const rows = positions.map((p, r) => ({
    n: p + 1,
    q: f32((p + 1) * wide, 3 * seeds[r] + 1),
    k: f32((p + 1) * narrow, 3 * seeds[r] + 2),
    v: f32((p + 1) * narrow, 3 * seeds[r] + 3),
  }));
  const cache = (of: 'k' | 'v') => {
    const all = new Float32Array(N * capacity * narrow).fill(Number.NaN);
    rows.forEach((row, r) => all.set(row[of], r * capacity * narrow));
    return input(of, [N * capacity, narrow], all);
  };
  const t = {
    q: await input(
      'q',
      [N, wide],
      rows.flatMap(({ q, n }) => Array.from(q.subarray((n - 1) * wide))),
    ),
    k: await cache('k'),
    v: await cache('v'),
    lo: await input(
      'lo',
      [N],
      positions.map((_, r) => r * capacity),
      'u32',
    ),
    last: await input(
      'last',
      [N],
      positions.map((p, r) => r * capacity + p),
      'u32',
    ),
  };
  const heads = { ...h, lo: t.lo, last: t.last, scale: h.head_dim ** -0.5, capacity };
  const { o } = await runProgram((p) => ({ o: attentionCached(p, t.q, t, heads) }), { gpu: await gpuWith(kernels) });
  const want = rows.flatMap(({ n, q, k, v }) =>
    Array.from(oracle.attention(q, k, v, new Uint32Array(n), h).y.subarray((n - 1) * wide)),
  );
  return { o, want, wide };
}

describe.each(['own', 'tiles'] as const)('kernels: %s', (kernels) => {
  const cases: [Heads, number[], number][] = [
    [{ n_heads: 9, n_kv_heads: 3, head_dim: 64 }, [70, 0, 7, 8, 63, 64], 71],
    [{ n_heads: 4, n_kv_heads: 2, head_dim: 8 }, [0], 1],
    [{ n_heads: 8, n_kv_heads: 1, head_dim: 6 }, [130, 2], 140],
    [{ n_heads: 12, n_kv_heads: 1, head_dim: 16 }, [20], 40],
    [{ n_heads: 4, n_kv_heads: 4, head_dim: 128 }, [33, 1], 34],
    [{ n_heads: 16, n_kv_heads: 1, head_dim: 128 }, [65], 70],
  ];
  test.each(some(cases, 2))('%o at positions %o of %i', async (heads, positions, capacity) => {
    const { o, want } = await attended(kernels, heads, capacity, positions);
    expect(o).toBeCloseL2(want, 1e-6);
  });

  test('a row has the same bits whatever is beside it', async () => {
    const h = { n_heads: 9, n_kv_heads: 3, head_dim: 64 };
    const { o, wide } = await attended(kernels, h, 100, [3, 77, 99], [5, 6, 7]);
    const alone = await attended(kernels, h, 100, [77], [6]);
    expect(o.slice(wide, 2 * wide)).toEqual(alone.o);
  });
});

test.each([
  [true, false],
  [false, false],
  [true, true],
])(
  'q is turned, k and v go to their places and nowhere else; positions: %s, columns of the same rows: %s',
  async (turn, stacked) => {
    const h = { n_heads: 3, n_kv_heads: 1, head_dim: 10 };
    const [N, room, capacity, held] = [3, 18, 6, 123];
    const [Q, K, V] = [f32(N * 30, 1), f32(N * 10, 2), f32(N * 10, 3)];
    const where = [4, 17, 6];
    const when = where.map((place) => place % capacity);
    const angles = Float64Array.from({ length: 5 }, (_, i) => 0.3 ** i);
    const table = Array.from({ length: capacity }, (_, t) => Array.from(angles, (a) => [Math.cos(t * a), Math.sin(t * a)])).flat(
      2,
    );
    const rows = Array.from({ length: N }, (_, t) =>
      [...[Q, K, V].entries()].flatMap(([i, x]) => Array.from(x.subarray(t * [30, 10, 10][i], (t + 1) * [30, 10, 10][i]))),
    );
    const all = await input('qkv', [N, 50], rows.flat());
    const apart = [await input('q', [N, 30], Q), await input('k', [N, 10], K), await input('v', [N, 10], V)];
    const [q, k, v] = stacked ? [columns(all, 0, 30, 'q'), columns(all, 30, 10, 'k'), columns(all, 40, 10, 'v')] : apart;
    const empty = () => input('cache', [room, 10], new Float32Array(room * 10).fill(held));
    const cache = { k: await empty(), v: await empty() };
    const places = {
      places: await input('places', [N], where, 'u32'),
      table: await input('table', [capacity, 5, 2], table),
      capacity,
      turn,
    };
    const out = await runProgram((p) => ({ q: intoCache(p, { q, k, v }, cache, h, places), k: cache.k, v: cache.v }));
    const turned = (x: Float32Array, heads: number) => (turn ? rope(x, when, heads, 10, angles) : Float64Array.from(x));
    const placed = (x: Float64Array) => {
      const all = new Float64Array(room * 10).fill(held);
      where.forEach((row, t) => all.set(x.subarray(t * 10, (t + 1) * 10), row * 10));
      return all;
    };
    expect(out.q).toBeCloseL2(turned(Q, 3), 1e-6);
    expect(out.k).toBeCloseL2(placed(turned(K, 1)), 1e-6);
    expect(out.v).toEqual(Float32Array.from(placed(Float64Array.from(V))));
  },
);
