// The global norm of everything that trains, and what follows from it: the clip factor, and whether this step may count.
// All of it stays on the GPU; the host reads it late, for the log.

import gradnormCode from '../../../shaders/gradnorm.wgsl?raw' with { type: 'text' };
import finish from '../../../shaders/gradnorm_finish.wgsl?raw' with { type: 'text' };
import { type Program, run, temp } from '../../gpu/program.ts';
import { elementsOf, resident, type Tensor } from '../../gpu/tensor.ts';
import { reducing } from '../elementwise/reduce.ts';

/** Places in a step's results (f32): the summed loss, the norm before clipping, 1 where the step was skipped. */
export const RESULTS = { lossSum: 0, norm: 1, skipped: 2, count: 4 } as const;

/** What a step of the optimizer hands on: f32 [clip factor, skipped, 1 - beta1^t, 1 - beta2^t]; all zero before the first step. */
export function newOptimizerState(): Tensor {
  return resident('optimizer_state', [4], 'other');
}

export function newResults(): Tensor {
  return resident('results', [RESULTS.count], 'other');
}

export interface ClipOptions {
  betas: readonly [number, number];
  /** The norm that gradients are scaled down to; 0 is off. */
  clip: number;
}

/** Floats that a workgroup sums: 4 RUN of gradnorm.wgsl. */
const PER_PARTIAL = 4 * 2048;

/**
 * Norm over `grads` (a tied tensor listed once) and loss decide on the step: state and results are written, AdamW's count advances.
 * A norm or loss that is not finite skips the step. Norms up to 1e37 are exact, though squares overflow from 1e19 on.
 */
export function gradNorm(
  p: Program,
  grads: readonly Tensor[],
  state: Tensor,
  results: Tensor,
  { betas, clip }: ClipOptions,
): void {
  const counts = grads.map((g) => Math.ceil(elementsOf(g.shape) / PER_PARTIAL));
  const count = counts.reduce((a, b) => a + b, 0);
  const partials = temp(p, 'squares', [count, 2]);
  const k = reducing(p, 'gradnorm', [gradnormCode]);
  let at = 0;
  grads.forEach((grad, i) => {
    const n = elementsOf(grad.shape);
    run(p, k, { grad, partials }, { count: n, at }, [counts[i]], { flops: 4 * n });
    at += counts[i];
  });
  const [beta1, beta2] = betas;
  const params = { count, clip, beta1, rest1: 1 - beta1, beta2, rest2: 1 - beta2 };
  run(p, reducing(p, 'gradnorm_finish', [finish]), { partials, state, results }, params, [1]);
}
