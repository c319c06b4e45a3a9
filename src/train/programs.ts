// The programs of a run, all over one set of weights: a micro-batch (warm-up or training) and the update.
// Evaluation and decoding have theirs in eval/.
// A training step is: feed, micro (forward, loss, backward), update; what trains has been attached to the weights beforehand.

import { type Build, backward } from '../gpu/program.ts';
import type { Tensor } from '../gpu/tensor.ts';
import { type Decoder, hiddenStates, weightBytes } from '../models/decoder.ts';
import { headLoss } from '../ops/loss/head.ts';
import { type AdamWOptions, adamw } from '../ops/optimizer/adamw.ts';
import { type ClipOptions, gradNorm } from '../ops/optimizer/gradnorm.ts';
import { muon } from '../ops/optimizer/muon.ts';
import type { Trained } from '../ops/optimizer/trained.ts';
import type { Stream } from '../ops/stream/stream.ts';

export interface MicroOptions {
  /** The step's results: the summed loss goes to its first place. */
  results: Tensor;
  recompute: boolean;
  /** Forward and backward, or forward alone. */
  gradients: boolean;
}

/** Forward, loss and backward of one micro-batch: gradients are written, or added to where the program accumulates. */
export function micro(d: Decoder, s: Stream, o: MicroOptions): Build {
  return (p) => {
    if (o.gradients) p.random = s.scalars;
    const h = hiddenStates(p, d, s, o.recompute);
    headLoss(p, h, d.norm, d.head, s, {
      eps: d.config.rms_norm_eps,
      weights: weightBytes(d),
      train: o.gradients,
      loss: o.results,
    });
    if (o.gradients) backward(p);
  };
}

/** What a method adds to the update: sees the gradients first, or the values just moved. */
export interface Around {
  before?: Build;
  after?: Build;
}

/** The global norm over all gradients, clipping, and the step of AdamW or Muon. */
export function update(
  trained: Trained[],
  state: Tensor,
  results: Tensor,
  s: Stream,
  o: ClipOptions & AdamWOptions,
  { before, after }: Around = {},
): Build {
  return (p) => {
    before?.(p);
    gradNorm(
      p,
      trained.map((t) => t.grad),
      state,
      results,
      o,
    );
    adamw(p, trained, state, s.scalars, o);
    muon(p, trained, state, s.scalars, o);
    after?.(p);
  };
}
