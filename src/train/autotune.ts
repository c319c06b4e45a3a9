// Kernels chosen for one run: the products that the model's matrices will ask for, measured before anything is planned.

import { type AutotuneOptions, autotuneKernels, autotunePace } from '../gpu/autotune.ts';
import { type Planning, planningOf } from '../gpu/limits.ts';
import type { Decoder } from '../models/decoder.ts';
import { gemmContests, type ProductSizes } from '../ops/matmul/gemm-contests.ts';
import type { Weight } from '../ops/stored/weight.ts';
import type { Sizes } from '../ops/stream/stream.ts';
import type { Model } from './model.ts';

/**
 * The planning of a model with the fastest kernels for micro-batches of these sizes. wholeGradients: gradients of whole matrices
 * are products too. At most options.budget milliseconds.
 */
export async function withKernels(
  { gpu, planning, decoder }: Pick<Model, 'gpu' | 'planning' | 'decoder'>,
  sizes: Sizes,
  { wholeGradients }: { wholeGradients: boolean },
  options: AutotuneOptions = {},
): Promise<Planning> {
  await autotunePace(gpu, options);
  const products = productsOf(decoder, sizes, wholeGradients);
  return planningOf(planning, { choices: await autotuneKernels(gpu, gemmContests(products, planning), options) });
}

/** The products of one step: y = x W^T, dx = dy W and dW = dy^T x of every matrix, and of the head over the targets. */
export function productsOf({ layers, head }: Decoder, { N, M }: Sizes, wholeGradients: boolean): ProductSizes[] {
  const of = (tokens: number, { rows, cols, format: stored }: Weight): ProductSizes[] => [
    { layout: 'nt', m: tokens, n: rows, k: cols, stored },
    { layout: 'nn', m: tokens, n: cols, k: rows, stored },
    ...(wholeGradients ? [{ layout: 'tn' as const, m: rows, n: cols, k: tokens }] : []),
  ];
  return [...layers.flatMap(({ matrices }) => Object.values(matrices).flatMap((w) => of(N, w))), ...of(M, head)];
}
