// What a run is told, as plain values. The command line and the page make it from the options table.

import type { Budget, Selection, Spread } from '../methods/smt/select.ts';
import type { Module } from '../models/decoder.ts';
import type { Schedule } from '../schedule.ts';

export interface TuneOptions {
  method: 'smt' | 'full';
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
  /** Steps, or below 1 a share of the run. */
  lrWarmup: number;
  betas: readonly [number, number];
  eps: number;
  weightDecay: number;
  /** Gradient norm that is scaled down to; 0 is off. */
  clip: number;
  targets: readonly Module[];
  block: number | 'auto';
  budget: Budget;
  spread: Spread;
  /** Micro-batches of the frozen warm-up. */
  warmupSteps: number;
  /** Blocks chosen before: no warm-up. */
  selection?: Selection;
  /** Trace layers again in the backward instead of keeping what they made. */
  recompute: boolean;
}
