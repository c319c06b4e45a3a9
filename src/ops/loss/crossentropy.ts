// Cross-entropy over logits that exist a chunk of rows at a time; gradient and loss in the same visit. The head's products are head.ts's.

import crossentropy from '../../../shaders/crossentropy.wgsl?raw' with { type: 'text' };
import losssum from '../../../shaders/losssum.wgsl?raw' with { type: 'text' };
import { type Program, run } from '../../gpu/program.ts';
import type { Tensor } from '../../gpu/tensor.ts';
import { lanesOf } from '../elementwise/lanes.ts';
import { reducing } from '../elementwise/reduce.ts';

/** A chunk of logits: the targets at <= i < at + m of the step, in the first m rows. */
export interface LogitsChunk {
  m: number;
  at: number;
  V: number;
  /** From one row of logits to the next, V unless told. */
  ld?: number;
  targetAt: Tensor;
  targetId: Tensor;
  scalars: Tensor;
  /** Log-probability of every target of the step [M]; this chunk's are written. */
  logprob: Tensor;
  /** Overwrite the logits by their gradient. */
  train: boolean;
}

/**
 * logprob[at + r] = logits[r, target] - log sum exp(logits[r]), 0 for padding (targetAt 0xffffffff).
 * With `train` the logits become (softmax - one-hot) / targets of the step, 0 for padding; columns beyond V stay.
 */
export function crossEntropy(p: Program, logits: Tensor, { m, at, V, ld = V, train, ...bind }: LogitsChunk): void {
  const { part, per } = ld % 4 === 0 ? lanesOf(V) : lanesOf(1);
  const k = reducing(p, 'crossentropy', [part, crossentropy], V / per);
  const params = { vocabulary: V / per, ld: ld / per, row0: at, train: train ? 1 : 0 };
  run(p, k, { logits, ...bind }, params, [m], { flops: m * V * (train ? 20 : 12) });
}

/** results[0] = -sum of logprob[0 .. M); added to what is there where this is not the step's first micro-batch. */
export function lossSum(p: Program, logprob: Tensor, M: number, results: Tensor): void {
  run(p, reducing(p, 'losssum', [losssum]), { logprob, results }, { count: M, accumulate: p.accumulate }, [1]);
}
