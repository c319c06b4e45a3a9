import { describe, expect, test } from 'vitest';
import { planningOf } from '../../src/gpu/limits.ts';
import { link } from '../../src/gpu/link.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { gemm, type Mat, multiply } from '../../src/ops/matmul/gemm.ts';
import {
  chooseVariant,
  eligible,
  type GemmLayout,
  packOf,
  type Shape,
  VARIANTS,
  type Variant,
} from '../../src/ops/matmul/gemm-variants.ts';
import { STORED } from '../../src/ops/stored/formats.ts';
import { f32Bound } from '../compare.ts';
import { input, runProgram, testGpu } from '../gpu/harness.ts';
import { gpuWith, KERNELS } from '../gpu/kernels.ts';
import { abs, matmulNN, matmulNT, matmulTN } from '../oracle/matmul.ts';
import { some } from '../some.ts';

const { limits } = await testGpu();
const oracle = { nt: matmulNT, nn: matmulNN, tn: matmulTN };
const noise = (n: number, seed: number) => Float32Array.from({ length: n }, (_, i) => Math.sin(seed + 1.7 * i + 0.31 * i * seed));

/** rows x cols of values in a larger matrix of NaN: `at` elements before it, `pad` after each row. */
function embed(values: ArrayLike<number>, rows: number, cols: number, at: number, pad: number): Float32Array<ArrayBuffer> {
  const all = new Float32Array(at + rows * (cols + pad) + 4).fill(Number.NaN);
  for (let i = 0; i < rows * cols; i++) all[at + Math.floor(i / cols) * (cols + pad) + (i % cols)] = values[i];
  return all;
}

const SENTINEL = 12345;

/** Multiplies windows by a variant and holds the result, and what lies around its window, against f64. */
async function check(v: Variant, m: number, n: number, k: number, at: number, pad: number, accumulate: 0 | 1): Promise<void> {
  const [ar, ac] = v.layout === 'tn' ? [k, m] : [m, k];
  const [br, bc] = v.layout === 'nt' ? [n, k] : [k, n];
  const [A, B, C0] = [noise(m * k, 1), noise(n * k, 2), noise(m * n, 3)];
  const mat = (t: Tensor, cols: number): Mat => ({ t, at, ld: cols + pad });
  const embedded = [embed(A, ar, ac, at, pad), embed(B, br, bc, at, pad)];
  const a = mat(await input('a', [embedded[0].length], embedded[0]), ac);
  const b = mat(await input('b', [embedded[1].length], embedded[1]), bc);
  // Where it accumulates c holds numbers; where it writes, NaN must go.
  const held = embed(accumulate ? C0 : new Float32Array(m * n).fill(Number.NaN), m, n, at, pad);
  for (let i = 0; i < held.length; i++) {
    const inside = i >= at && Math.floor((i - at) / (n + pad)) < m && (i - at) % (n + pad) < n;
    if (!inside) held[i] = SENTINEL + i;
  }
  const c = mat(await input('c', [held.length], held), n);
  const out = await runProgram((p) => {
    multiply(p, v, { a, b, c, m, n, k }, accumulate);
    return { c: c.t };
  });
  const want = oracle[v.layout](A, B, m, n, k);
  const size = oracle[v.layout](abs(A), abs(B), m, n, k);
  const got = new Float64Array(m * n);
  for (let i = 0; i < held.length; i++) {
    const [r, col] = [Math.floor((i - at) / (n + pad)), (i - at) % (n + pad)];
    if (i >= at && r < m && col < n) got[r * n + col] = out.c[i];
    else if (out.c[i] !== held[i]) throw new Error(`expected ${held[i]} outside the window at ${i}, got ${out.c[i]}`);
  }
  if (accumulate) for (let i = 0; i < want.length; i++) [want[i], size[i]] = [want[i] + C0[i], size[i] + Math.abs(C0[i])];
  expect(got).toBeWithin(want, f32Bound(size, { serial: Math.max(16, k) }));
}

const shape = (v: Variant, m: number, n: number, k: number, at: number, pad: number): Shape => ({
  m,
  n,
  k,
  a_at: at,
  lda: (v.layout === 'tn' ? m : k) + pad,
  b_at: at,
  ldb: (v.layout === 'nt' ? k : n) + pad,
  c_at: at,
  ldc: n + pad,
});

// One, both sides of the edges of register tiles (4, 8, 16), workgroup tiles (32, 64, 128, 256) and k steps (4, 16), ragged; then
// windows of larger matrices at offsets that are multiples of 4 and that are not.
const sizes = [
  [1, 1, 1, 0, 0],
  [1, 4, 4, 0, 0],
  [3, 5, 7, 1, 3],
  [4, 8, 12, 4, 8],
  [16, 60, 20, 0, 4],
  [63, 64, 64, 8, 4],
  [64, 64, 15, 0, 0],
  [65, 68, 33, 4, 0],
  [68, 260, 36, 12, 4],
  [32, 252, 16, 0, 0],
  [33, 31, 17, 5, 2],
  [132, 516, 8, 0, 4],
  [124, 128, 32, 4, 4],
  [129, 132, 17, 0, 0],
];
const cases = VARIANTS.flatMap((v) =>
  sizes
    .filter(([m, n, k, at, pad]) => eligible(v, shape(v, m, n, k, at, pad), limits))
    .map(([m, n, k, at, pad], i) => ({ name: v.name, m, n, k, at, pad, accumulate: (i % 2) as 0 | 1, v })),
);
test.each(some(cases, 5))(
  '$name $m x $n x $k at $at, rows $pad apart, accumulate $accumulate',
  ({ v, m, n, k, at, pad, accumulate }) => check(v, m, n, k, at, pad, accumulate),
);

describe('choice', () => {
  const v = VARIANTS[0];
  const aligned = (layout: GemmLayout) => shape({ ...v, layout }, 64, 64, 64, 0, 0);
  test.each(['nt', 'nn', 'tn'] as const)(
    '%s: panels on software adapters, tiles on others, the plain one for odd rows of c',
    (layout) => {
      expect(chooseVariant(layout, aligned(layout), { software: true, subgroups: 8 }).name).toBe(`gemm_packed8_${layout}`);
      expect(chooseVariant(layout, aligned(layout), { software: true, subgroups: 4 }).name).toBe(`gemm_packed4_${layout}`);
      expect(chooseVariant(layout, aligned(layout), { software: true }).name).toBe(`gemm_packed_plain_${layout}`);
      expect(chooseVariant(layout, aligned(layout), { subgroups: 32 }).name).toBe(`gemm_tile32_${layout}`);
      expect(chooseVariant(layout, { ...aligned(layout), ldc: 66 }, { software: true, subgroups: 8 }).name).toBe(
        `gemm_plain_${layout}`,
      );
      expect(chooseVariant(layout, { ...aligned(layout), lda: 66 }).name).toBe(`gemm_plain_${layout}`);
    },
  );
});

test('pieces: a packed operand larger than a binding is multiplied in parts of rows, columns and k', async () => {
  const tight = planningOf({ ...limits, software: true, maxBinding: 1 << 16 });
  const [m, n, k] = [130, 196, 300];
  const [A, B] = [noise(m * k, 4), noise(n * k, 5)];
  const a = { t: await input('a', [m, k], A), at: 0, ld: k };
  const b = { t: await input('b', [n, k], B), at: 0, ld: k };
  const c = { t: await input('c', [m, n], new Float32Array(m * n).fill(Number.NaN)), at: 0, ld: n };
  const v = VARIANTS.find((x) => x.packs && x.layout === 'nt' && eligible(x, shape(x, m, n, k, 0, 0), tight))!;
  let entries = 0;
  const out = await runProgram((p) => {
    p.planning = tight;
    multiply(p, v, { a, b, c, m, n, k }, 0);
    entries = p.entries.length;
    return { c: c.t };
  });
  expect(entries).toBe(3 * 2 * (1 + 4 * 2)); // 3 pieces of m, 2 of k; for each one of A, and 4 of n of B with their products
  expect(out.c).toBeWithin(matmulNT(A, B, m, n, k), f32Bound(matmulNT(abs(A), abs(B), m, n, k), { serial: k }));
});

test.each(KERNELS)('gemm chooses for itself among kernels: %s', async (kernels) => {
  const [A, B] = [noise(20 * 8, 6), noise(8 * 12, 7)];
  const a = await input('a', [20, 8], A);
  const b = await input('b', [8, 12], B);
  const c = await input('c', [20, 12], new Float32Array(240));
  const mat = (t: Tensor, ld: number) => ({ t, at: 0, ld });
  const out = await runProgram(
    (p) => {
      gemm(p, 'nn', { a: mat(a, 8), b: mat(b, 12), c: mat(c, 12), m: 20, n: 12, k: 8 }, 0);
      return { c };
    },
    { gpu: await gpuWith(kernels) },
  );
  expect(out.c).toBeWithin(matmulNN(A, B, 20, 12, 8), f32Bound(matmulNN(abs(A), abs(B), 20, 12, 8), 'tree'));
});

describe.skipIf(!(await testGpu()).features.has('shader-f16'))(
  'half precision (skipped where the adapter has no shader-f16)',
  () => {
    const device = { ...limits, half: true };
    const halves = VARIANTS.filter((v) => v.half);

    test.each(halves)('$name is within two f16 roundings of f64, and keeps to its window', async (v) => {
      const [m, n, k] = [76, 68, 44];
      const [A, B] = [noise(m * k, 1), noise(n * k, 2)];
      const c = await input('c', [m, n + 4], new Float32Array(m * (n + 4)).fill(SENTINEL));
      const a = await input('a', [m * k], A);
      const b = await input('b', [n * k], B);
      const [lda, ldb] = [v.layout === 'tn' ? m : k, v.layout === 'nt' ? k : n];
      const out = await runProgram((p) => {
        const x = { a: { t: a, at: 0, ld: lda }, b: { t: b, at: 0, ld: ldb }, c: { t: c, at: 0, ld: n + 4 }, m, n, k };
        multiply(p, v, x, 0);
        return { c };
      });
      const [want, size] = [oracle[v.layout](A, B, m, n, k), oracle[v.layout](abs(A), abs(B), m, n, k)];
      let worst = 0;
      for (let i = 0; i < m; i++)
        for (let j = 0; j < n + 4; j++) {
          if (j >= n) expect(out.c[i * (n + 4) + j]).toBe(SENTINEL);
          else worst = Math.max(worst, Math.abs(out.c[i * (n + 4) + j] - want[i * n + j]) / size[i * n + j]);
        }
      expect(worst).toBeLessThan(2 * 2 ** -11);
      expect(worst).toBeGreaterThan(2 ** -20); // it did round to halves
    });

    test('it is chosen only where it was asked for', () => {
      const s = shape(halves[0], 64, 64, 64, 0, 0);
      expect(chooseVariant(halves[0].layout, s, device).half).toBe(true);
      expect(chooseVariant(halves[0].layout, s, limits).half).toBeUndefined();
    });
  },
);

describe('every kernel compiles without messages', () => {
  const kernels = [
    ...VARIANTS.filter((v) => !v.half),
    ...[true, false].flatMap((alongK) => [true, false].map((vec4) => ({ ...packOf(alongK, vec4), lanes: 0 }))),
    ...Object.values(STORED).map(({ part }) => ({ ...packOf(true, true, part), lanes: 0 })),
  ];
  test.each(kernels.filter((v) => (v.lanes ?? 0) <= (limits.subgroups ?? 0)))('$name %#', async (v) => {
    const { device, enableSubgroups } = await testGpu();
    const { code } = link(v.parts, v.consts);
    const module = device.createShaderModule({ code: (v.lanes ? enableSubgroups : '') + code });
    expect((await module.getCompilationInfo()).messages.map((m) => m.message)).toEqual([]);
  });
});
