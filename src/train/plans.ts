// The memory of each phase of a run, planned from a described decoder; no GPU is needed.

import { likelihood } from '../eval/likelihood.ts';
import type { Planning } from '../gpu/limits.ts';
import type { Plan } from '../gpu/plan.ts';
import { plan } from '../gpu/plan.ts';
import { resident, type Tensor } from '../gpu/tensor.ts';
import type { Decoder } from '../models/decoder.ts';
import type { Trained } from '../ops/optimizer/adamw.ts';
import { newOptimizerState, newResults } from '../ops/optimizer/gradnorm.ts';
import { newStream, type Sizes, type Stream } from '../ops/stream/stream.ts';
import { type Around, micro, update } from './programs.ts';

export type { Sizes } from '../ops/stream/stream.ts';

export interface OptimizerOptions {
  betas: readonly [number, number];
  eps: number;
  weightDecay: number;
  clip: number;
}

export interface Phase {
  plan: Plan;
  stream: Stream;
  results: Tensor;
  state: Tensor;
  logprob: Tensor | null;
  sizes: Sizes;
}

/**
 * Training: the micro-batch, the update, and evaluation where `evaluate` gives its largest batch. All share slots.
 * `around.before` runs between the last micro-batch and the update, `around.after` behind it.
 */
export function planTraining(
  d: Decoder,
  trained: Trained[],
  sizes: Sizes,
  o: OptimizerOptions & { recompute: boolean },
  planning: Planning,
  evaluate?: Sizes,
  around: Around = {},
): Phase {
  const largest = { N: Math.max(sizes.N, evaluate?.N ?? 0), M: Math.max(sizes.M, evaluate?.M ?? 0) };
  const stream = newStream(largest.N, largest.M);
  const [results, state] = [newResults(), newOptimizerState()];
  const logprob = evaluate ? resident('logprob', [evaluate.M], 'other') : null;
  const parts = [
    {
      name: 'train',
      build: micro(d, stream, { results, recompute: o.recompute, gradients: true }),
      dims: sizes,
    },
    { name: 'update', build: update(trained, state, results, stream, o, around), dims: {}, readback: results },
  ];
  const evalLoss = newResults();
  const also = trained.flatMap((t) => (t.base ? [t.base.home!] : []));
  const all =
    evaluate && logprob
      ? [...parts, { name: 'eval', build: likelihood(d, stream, evalLoss, logprob), dims: evaluate, readback: logprob }]
      : parts;
  return { plan: plan(all, planning, also), stream, results, state, logprob, sizes };
}
