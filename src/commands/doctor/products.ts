// Self-tests of the product: every variant in every layout, with operands packed in every way.

import type { Planning } from '../../gpu/limits.ts';
import type { Program } from '../../gpu/program.ts';
import { resident } from '../../gpu/tensor.ts';
import { multiply, whole } from '../../ops/matmul/gemm.ts';
import { eligible, plainName, type Shape, VARIANTS, type Variant } from '../../ops/matmul/gemm-variants.ts';
import { type Check, noisy, ULP } from './check.ts';
import { productF64 } from './f64.ts';

/** Sizes that fill no tile, by what divides by four. */
const SIZES = { all: [76, 68, 44], c: [75, 68, 43], none: [75, 67, 43] } as const;
type Divides = keyof typeof SIZES;

/** Both operands are rounded to f16, by half a unit each. */
const HALF_ULPS = 2;

/** Every variant in each class of sizes that it takes. */
export const productChecks = (): Check[] =>
  VARIANTS.flatMap((v) => {
    const odd: Divides[] = v.vec4 === 'all' ? [] : v.vec4 === 'c' ? ['c'] : ['none'];
    return [product(v, 'all'), ...odd.map((divides) => product(v, divides))];
  });

/** What a tiled product begins at, and its sum in parts: in one tile of each kind, over a k that is split. */
export const startChecks = (): Check[] =>
  VARIANTS.filter((v) => v.tiled && v.layout === 'nt' && !v.half).flatMap((v) =>
    (['bias', 'residual', 'both'] as const).map((start) => starting(v, start)),
  );

/** The checks of half precision alone: what a run asks before it uses it. */
export const halfChecks = (): Check[] => VARIANTS.filter((v) => v.half).map((v) => product(v, 'all'));

/** What keeps a variant from an adapter; nothing where it can run there. */
export function lackOf(v: Variant, limits: Pick<Planning, 'software' | 'subgroups' | 'half'>): string | undefined {
  const shape: Shape = { m: 4, n: 4, k: 4, a_at: 0, lda: 4, b_at: 0, ldb: 4, c_at: 0, ldc: 4 };
  if (eligible(v, shape, limits)) return undefined;
  if (v.only && !limits.software) return 'it is for software adapters';
  return v.half ? 'it wants shader-f16' : `it wants subgroups of ${v.lanes}`;
}

/** The relative error of a variant's sum of K terms. */
export const errorOf = (v: Variant, K: number) => (v.half ? HALF_ULPS * 2 ** -11 : 2 * Math.sqrt(K) * ULP);

function product(v: Variant, divides: Divides): Check {
  const [M, N, K] = SIZES[divides];
  const { layout } = v;
  const lda = layout === 'tn' ? M : K;
  const ldb = layout === 'nt' ? K : N;
  return {
    name: divides === 'all' ? v.name : `${v.name}, odd sizes`,
    lacks: (limits) => lackOf(v, limits),
    make() {
      const [a, b] = [noisy('a', [M * K], 1), noisy('b', [N * K], 2)];
      const c = resident('c', [M, N], 'other');
      const build = (p: Program) => {
        const operands = { a: { t: a[0], at: 0, ld: lda }, b: { t: b[0], at: 0, ld: ldb }, c: whole(c) };
        for (const accumulate of [0, 1] as const) multiply(p, v, { ...operands, m: M, n: N, k: K }, accumulate);
        return [c];
      };
      const { values, sizes } = productF64(layout, a[1], b[1], M, N, K);
      const bound = (i: number) => 2 * errorOf(v, K) * sizes[i];
      return { inputs: [a, b], build, want: [{ values: values.map((x) => 2 * x), bound }] };
    },
  };
}

/** Once in one part, once with its sum over k in several. */
function starting(v: Variant, start: 'bias' | 'residual' | 'both'): Check {
  const [M, N] = [36, 44];
  return {
    name: `${plainName(v)} onto ${start}`,
    lacks: (limits) => lackOf(v, limits),
    make() {
      const [bias, residual] = [noisy('bias', [N], 3), noisy('residual', [M, N], 4)];
      const onto = {
        ...(start !== 'residual' && { bias: { t: bias[0], at: 0 } }),
        ...(start !== 'bias' && { add: whole(residual[0]) }),
      };
      const sums = [20, 196].map((K) => {
        const [a, b, c] = [noisy('a', [M, K], 5), noisy('b', [N, K], 6), resident('c', [M, N], 'other')];
        const { values, sizes } = productF64('nt', a[1], b[1], M, N, K);
        const first = (i: number) => (onto.bias ? bias[1][i % N] : 0) + (onto.add ? residual[1][i] : 0);
        const bound = (i: number) => 2 * errorOf(v, K) * (sizes[i] + 2);
        return { a, b, c, K, want: { values: values.map((x, i) => x + first(i)), bound } };
      });
      const build = (p: Program) =>
        sums.map(({ a, b, c, K }) => {
          multiply(p, v, { a: whole(a[0]), b: whole(b[0]), c: whole(c), m: M, n: N, k: K }, 0, onto);
          return c;
        });
      return { inputs: [bias, residual, ...sums.flatMap(({ a, b }) => [a, b])], build, want: sums.map((x) => x.want) };
    },
  };
}
