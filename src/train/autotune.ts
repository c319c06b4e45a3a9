// The tuner for one run: the products that the model's matrices will ask for, measured before the first step.

import { type Choices, type TunerCache, type TunerOptions, tuneKernels } from '../gpu/autotune.ts';
import type { Gpu } from '../gpu/device.ts';
import { type DecoderConfig, MODULES, matrixShape } from '../models/decoder.ts';
import { gemmContests, type Product } from '../ops/matmul/gemm-contests.ts';
import type { Sizes } from './plans.ts';

/**
 * Chooses kernels for steps of N tokens and M targets and sets them on the device; everything planned later uses them.
 * dense: matrices train whole, so their gradients are products too. At most options.budget milliseconds.
 */
export async function tuneFor(
  gpu: Gpu,
  config: DecoderConfig,
  sizes: Sizes,
  dense: boolean,
  options: TunerOptions = {},
): Promise<Choices> {
  const choices = await tuneKernels(gpu, gemmContests(productsOf(config, sizes, dense), gpu.limits), options);
  gpu.limits.choices = choices;
  return choices;
}

/** The same, as a run asks for it: nothing where tuning is off, what was chosen before where a run goes on. */
export async function tuneRun(
  gpu: Gpu,
  config: DecoderConfig,
  sizes: Sizes,
  dense: boolean,
  o: { tune: 'on' | 'off' },
  cache?: TunerCache,
  before?: Choices,
): Promise<Choices> {
  if (before) gpu.limits.choices = before;
  else if (o.tune === 'on') return tuneFor(gpu, config, sizes, dense, { cache });
  return before ?? {};
}

/** The products of one step: y = x W^T, dx = dy W and dW = dy^T x of every matrix, and of the head over the targets. */
export function productsOf(config: DecoderConfig, { N, M }: Sizes, dense: boolean): Product[] {
  const of = (tokens: number, rows: number, cols: number): Product[] => [
    { layout: 'nt', m: tokens, n: rows, k: cols },
    { layout: 'nn', m: tokens, n: cols, k: rows },
    ...(dense ? [{ layout: 'tn' as const, m: rows, n: cols, k: tokens }] : []),
  ];
  const layer = MODULES.flatMap((m) => of(N, ...matrixShape(config, m)));
  const layers = Array.from({ length: config.n_layers }, () => layer).flat();
  return [...layers, ...of(M, config.vocab_size, config.hidden_size)];
}
