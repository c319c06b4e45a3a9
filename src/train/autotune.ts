// The tuner for one run: the products that the model's matrices will ask for, measured before the first step.

import { type TunerCache, type TunerOptions, tuneKernels } from '../gpu/autotune.ts';
import type { Gpu } from '../gpu/device.ts';
import { type Choices, type Planning, planningOf } from '../gpu/limits.ts';
import { type DecoderConfig, MODULES, matrixShape } from '../models/decoder.ts';
import { gemmContests, type ProductSizes } from '../ops/matmul/gemm-contests.ts';
import type { Model } from './model.ts';
import type { Sizes } from './plans.ts';

/**
 * Chooses kernels for steps of N tokens and M targets: a planning with them, for all that is planned later.
 * dense: matrices train whole, so their gradients are products too. At most options.budget milliseconds.
 */
export async function tuneFor(
  gpu: Gpu,
  planning: Planning,
  config: DecoderConfig,
  sizes: Sizes,
  dense: boolean,
  options: TunerOptions = {},
): Promise<Planning> {
  const choices = await tuneKernels(gpu, gemmContests(productsOf(config, sizes, dense), planning), options);
  return planningOf(planning, { choices });
}

/** The same for a model, as a run asks for it: nothing where tuning is off, what was chosen before where a run goes on. */
export async function tuneRun(
  { gpu, planning, decoder }: Pick<Model, 'gpu' | 'planning' | 'decoder'>,
  sizes: Sizes,
  dense: boolean,
  o: { tune: 'on' | 'off' },
  cache?: TunerCache,
  before?: Choices,
): Promise<Planning> {
  if (before) return planningOf(planning, { choices: before });
  return o.tune === 'on' ? tuneFor(gpu, planning, decoder.config, sizes, dense, { cache }) : planning;
}

/** The products of one step: y = x W^T, dx = dy W and dW = dy^T x of every matrix, and of the head over the targets. */
export function productsOf(config: DecoderConfig, { N, M }: Sizes, dense: boolean): ProductSizes[] {
  const of = (tokens: number, rows: number, cols: number): ProductSizes[] => [
    { layout: 'nt', m: tokens, n: rows, k: cols },
    { layout: 'nn', m: tokens, n: cols, k: rows },
    ...(dense ? [{ layout: 'tn' as const, m: rows, n: cols, k: tokens }] : []),
  ];
  const layer = MODULES.flatMap((m) => of(N, ...matrixShape(config, m)));
  const layers = Array.from({ length: config.n_layers }, () => layer).flat();
  return [...layers, ...of(M, config.vocab_size, config.hidden_size)];
}
