// Sets of kernels, by what a device may be: a test that runs with each of them holds what every device would run, not only what
// suits the adapter under it. A set changes nothing but the choice. No test in here.
import type { Gpu } from '../../src/gpu/device.ts';
import type { Planning } from '../../src/gpu/limits.ts';
import { classOf, VARIANTS } from '../../src/ops/matmul/gemm-variants.ts';
import { testGpu } from './harness.ts';

export type Kernels = keyof typeof SETS;

/** What choosing kernels is told of a device. */
const SETS = {
  /** The adapter's own: packed panels and subgroups on software adapters. */
  own: {},
  /** Software without subgroups: packed panels, attention in registers. */
  'without subgroups': { software: true, subgroups: 0 },
  /** A GPU: tiles in workgroup memory for products and attention, a row of a stored weight an invocation. */
  tiles: { software: false },
  /** A GPU where autotune found the largest tile of the product faster. */
  'large tiles': { software: false, choices: everywhere('gemm_tile128') },
} satisfies Record<string, Partial<Planning>>;

/** All sets; where SwiftShader compiles slowly (Node and Chromium), the two that differ the most. */
export const KERNELS = 'Deno' in globalThis ? (Object.keys(SETS) as Kernels[]) : (['own', 'tiles'] as const);

/**
 * The test file's device, choosing its kernels by a set, and in bindings of at most maxBinding bytes. The device itself, its memory and
 * its pipelines are those of testGpu().
 */
export async function gpuWith(kernels: Kernels, told: { maxBinding?: number } = {}): Promise<Gpu> {
  const gpu = await testGpu();
  // inherits rather than copies: what goes wrong on the device is noted on the original
  return Object.create(gpu, { limits: { value: Object.freeze({ ...gpu.limits, ...SETS[kernels], ...told }), enumerable: true } });
}

/** Choices of one kernel for every class of shapes of a GPU. */
function everywhere(kernel: string): Record<string, string> {
  const choices: Record<string, string> = {};
  for (const { layout, name } of VARIANTS.filter((v) => v.kernel === kernel))
    for (const M of [4, 20, 68, 260])
      for (let tiles = 1; tiles <= 1024; tiles *= 2)
        for (const size of [4, 1]) {
          const n = 64 * Math.ceil(tiles / Math.ceil(M / 64)) + size - 4;
          const shape = { m: M + size - 4, n, k: size, a_at: 0, lda: size, b_at: 0, ldb: size, c_at: 0, ldc: size };
          choices[classOf(layout, shape, { software: false })] = name;
        }
  return choices;
}
