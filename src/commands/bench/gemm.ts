// The f32 product in its three layouts: what the engine chooses, and every variant that this device can take.

import type { Gpu } from '../../gpu/device.ts';
import { planningOf } from '../../gpu/limits.ts';
import { LEAST_MS, msOf, type Peak } from '../../gpu/peak.ts';
import { plan } from '../../gpu/plan.ts';
import type { Build } from '../../gpu/program.ts';
import { dispose, prepare, replay } from '../../gpu/run.ts';
import { resident, write } from '../../gpu/tensor.ts';
import { gemm, multiply, whole } from '../../ops/matmul/gemm.ts';
import {
  chooseVariant,
  eligible,
  type GemmLayout,
  plainName,
  type Shape,
  VARIANTS,
  type Variant,
} from '../../ops/matmul/gemm-variants.ts';
import type { Report } from '../../report.ts';
import { giga, line } from './line.ts';
import { normal } from './model.ts';

/** m x n x k: wide, ragged and long. */
export const SHAPES: [number, number, number][] = [
  [512, 1024, 1024],
  [256, 576, 1536],
  [128, 2048, 512],
];
const LAYOUTS: GemmLayout[] = ['nt', 'nn', 'tn'];

export async function benchGemm(gpu: Gpu, peak: Peak, report: Report, shapes = SHAPES): Promise<void> {
  for (const [m, n, k] of shapes)
    for (const layout of LAYOUTS) {
      const shape = shapeOf(layout, m, n, k);
      const chosen = chooseVariant(layout, shape, gpu.limits);
      const rest = VARIANTS.filter((v) => v.layout === layout && v !== chosen && eligible(v, shape, gpu.limits));
      await one(gpu, peak, report, layout, m, n, k, null);
      for (const v of rest) await one(gpu, peak, report, layout, m, n, k, v);
    }
}

/** `variant` null: the engine's own op, which chooses. */
async function one(
  gpu: Gpu,
  peak: Peak,
  report: Report,
  layout: GemmLayout,
  m: number,
  n: number,
  k: number,
  variant: Variant | null,
): Promise<void> {
  const { machine, free } = await preparedProduct(gpu, layout, m, n, k, variant);
  await peak.again();
  // what is not chosen may be twenty times slower: one round tells enough
  const ms = await msOf(gpu, () => replay(machine, 'gemm', {}), LEAST_MS, variant ? 1 : 3);
  await peak.again();
  free();
  const chosen = chooseVariant(layout, shapeOf(layout, m, n, k), gpu.limits);
  const name = variant ? plainName(variant) : `gemm (${plainName(chosen)})`;
  report(line(name, `${m}x${n}x${k}`, { layout, ms, gflops: giga(2 * m * n * k, ms), peak_gflops: peak.best }));
}

/** A product of random matrices, ready to be replayed as program `gemm`. */
export async function preparedProduct(gpu: Gpu, layout: GemmLayout, m: number, n: number, k: number, variant: Variant | null) {
  const [a, b, c] = [
    resident('a', layout === 'tn' ? [k, m] : [m, k], 'other'),
    resident('b', layout === 'nt' ? [n, k] : [k, n], 'other'),
    resident('c', [m, n], 'other'),
  ];
  const build: Build = (p) => {
    const x = { a: whole(a), b: whole(b), c: whole(c), m, n, k };
    if (variant) multiply(p, variant, x, 0);
    else gemm(p, layout, x, 0);
  };
  const machine = await prepare(gpu, plan([{ name: 'gemm', build, dims: {} }], planningOf(gpu.limits)));
  const next = normal(1);
  for (const t of [a, b])
    write(
      gpu.memory,
      t,
      Float32Array.from({ length: t.bytes / 4 }, () => next()),
    );
  return { machine, free: () => dispose(machine) };
}

/** Whole matrices as a shape. */
export function shapeOf(layout: GemmLayout, m: number, n: number, k: number): Shape {
  return { m, n, k, a_at: 0, lda: layout === 'tn' ? m : k, b_at: 0, ldb: layout === 'nt' ? k : n, c_at: 0, ldc: n };
}
