// Contests between the variants of the product, one for each class of shapes that a run has.

import type { Contest } from '../../gpu/autotune.ts';
import { type Planning, planningOf } from '../../gpu/limits.ts';
import type { Program } from '../../gpu/program.ts';
import { resident } from '../../gpu/tensor.ts';
import { STORED, type StoredFormat } from '../stored/formats.ts';
import { newWeight } from '../stored/weight.ts';
import { multiply } from './gemm.ts';
import { chooseVariant, classOf, eligible, type GemmLayout, type Shape, VARIANTS, type Variant } from './gemm-variants.ts';
import { type Mat, whole } from './mat.ts';

export interface ProductSizes {
  layout: GemmLayout;
  m: number;
  n: number;
  k: number;
  /** How b is stored, where it is a frozen weight; f32 where absent. */
  stored?: StoredFormat;
}

/** FLOPs of a contest's product at most: some milliseconds on a software adapter and on a slow GPU. */
const FLOPS = { software: 64e6, hardware: 8e9 };

/** The largest product of each class stands for it, the class with the most work first, the device's default first in each. */
export function gemmContests(products: ProductSizes[], planning: Planning): Contest[] {
  const classes = new Map<string, { work: number; largest: ProductSizes }>();
  for (const x of products) {
    const key = classOf(x.layout, shapeOf(x), planning);
    const work = x.m * x.n * x.k;
    const { largest } = classes.get(key) ?? { largest: x };
    const size = (y: ProductSizes) => y.m * y.n * y.k;
    classes.set(key, { work: (classes.get(key)?.work ?? 0) + work, largest: work > size(largest) ? x : largest });
  }
  return [...classes]
    .sort(([, x], [, y]) => y.work - x.work)
    .map(([key, { largest }]) => contest(key, clipped(largest, planning), planning));
}

/** On GPUs tiles read a weight as it is stored, and are timed so; the plain kernel, for which it would be unpacked first, stays out. */
function contest(key: string, x: ProductSizes, planning: Planning): Contest {
  const all = entrants(x, planning);
  const format = x.stored ?? 'f32';
  if (planning.software || format === 'f32' || !all[0].tiled) return { key, entrants: all.map((v) => entrant(v, x, 'f32')) };
  return { key, of: format, entrants: all.filter((v) => v.tiled).map((v) => entrant(v, x, format)) };
}

const entrant = (v: Variant, x: ProductSizes, format: StoredFormat): Contest['entrants'][number] => ({
  name: v.name,
  build: (p) => product(p, v, x, format),
});

/** The device's default first. */
function entrants(x: ProductSizes, planning: Planning): Variant[] {
  const shape = shapeOf(x);
  const standard = chooseVariant(x.layout, shape, planningOf(planning, { choices: {} }));
  const able = VARIANTS.filter((v) => v.layout === x.layout && eligible(v, shape, planning));
  // tiles are for GPUs: a software adapter would spend its time on compiling them
  const others = able.filter((v) => v !== standard && !(v.tiled && planning.software));
  return [standard, ...others];
}

function product(p: Program, v: Variant, { layout, m, n, k }: ProductSizes, format: StoredFormat): void {
  const a = resident('a', layout === 'tn' ? [k, m] : [m, k], 'other');
  const [rows, cols] = layout === 'nt' ? [n, k] : [k, n];
  const c = resident('c', [m, n], 'other');
  const [{ q, s }] = newWeight('b', rows, cols, format, Number.MAX_SAFE_INTEGER, 'other').windows;
  const b: Mat = { t: q, at: 0, ld: cols, ...(format !== 'f32' && { stored: { format, s } }) };
  multiply(p, v, { a: whole(a), b, c: whole(c), m, n, k }, 0);
}

/**
 * Fewer columns, then a shorter sum, then fewer rows, in steps that keep the class; on GPUs a shorter sum first, since a class there is as many
 * workgroups.
 */
function clipped(x: ProductSizes, planning: Planning): ProductSizes {
  const most = (planning.software ? FLOPS.software : FLOPS.hardware) / 2;
  const keyOf = (y: ProductSizes) => classOf(y.layout, shapeOf(y), planning);
  const y = { ...x };
  const { block } = STORED[x.stored ?? 'f32'];
  const halve = (size: 'n' | 'k' | 'm', least: number) => {
    while (y.m * y.n * y.k > most && y[size] >= 2 * least && y[size] % 8 === 0) {
      if (keyOf({ ...y, [size]: y[size] / 2 }) !== keyOf(x)) return;
      if (size === (x.layout === 'nt' ? 'k' : 'n') && (y[size] / 2) % block) return; // a row of b is whole blocks
      y[size] /= 2;
    }
  };
  const order = planning.software ? (['n', 'k', 'm'] as const) : (['k', 'n', 'm'] as const);
  for (const size of order) halve(size, size === 'm' ? 512 : 256);
  return y;
}

/** Whole matrices as a shape. */
function shapeOf({ layout, m, n, k }: ProductSizes): Shape {
  return {
    m,
    n,
    k,
    a_at: 0,
    lda: layout === 'tn' ? m : k,
    b_at: 0,
    ldb: layout === 'nt' ? k : n,
    c_at: 0,
    ldc: n,
  };
}
