// What a run is told beside its method, as plain values. Flags and forms are made into it by the hosts.

import type { Schedule } from './schedule.ts';

export interface RunOptions extends OptimizerOptions {
  /** Optimizer steps, or passes over the data; one pass where neither is given. */
  steps?: number;
  epochs?: number;
  /** Rows a micro-batch, and micro-batches a step. */
  batch: number;
  accumulate: number;
  shuffle: boolean;
  seed: number;
  /** Peak learning rate. */
  lr: number;
  schedule: Schedule;
  /** Steps in which the learning rate rises, or below 1 a share of the run. */
  lrWarmup: number;
  /** Steps between evaluations on held-out rows (an epoch where absent), and evaluations without a better one before the run stops. */
  evalEvery?: number;
  patience?: number;
  /** Trace layers again in the backward instead of keeping what they made. */
  recompute: boolean;
  /** Asked before each step: the run waits for the promise that it answers, if any. What a pause button is made of. */
  hold?: () => Promise<void> | undefined;
}

/** AdamW's, and the gradient norm that is scaled down to (0 is off). */
export interface OptimizerOptions {
  betas: readonly [number, number];
  eps: number;
  weightDecay: number;
  clip: number;
}
