// What a run is told beside its method, as plain values. Flags and forms are made into it by the hosts.

import type { Planning } from '../gpu/limits.ts';
import type { BlockScores, DecayToward, MuonScale, Optimizer, Training } from '../methods/method.ts';
import type { Report } from '../report.ts';
import type { Schedule } from './schedule.ts';

/** How long a run is, by which rates and in which order it trains, and who listens. */
export interface RunOptions extends OptimizerOptions {
  /** Optimizer steps, or passes over the data; one pass where neither is given. */
  steps?: number;
  epochs?: number;
  /** Rows a micro-batch, and micro-batches a step. */
  batch: number;
  accumulate: number;
  shuffle: boolean;
  seed: number;
  /** Peak learning rate; auto: found by trial; absent: by trial where the run is long enough for that, else by rule. */
  lr?: number | 'auto';
  /** constant, linear or cosine. */
  schedule: Schedule;
  /** Steps in which the learning rate rises, or below 1 a share of the run. */
  lrWarmup: number;
  /** Steps between evaluations on held-out rows (an epoch where absent), and evaluations without a better one before the run stops. */
  evalEvery?: number;
  patience?: number;
  /** Steps in a row without a finite gradient that end the run; none do where absent. */
  maxSkips?: number;
  /** A norm of the gradient over so many running medians is told. */
  spike?: number;
  /** Tell why just that was chosen, where data decided on it. */
  explain?: boolean;
  /** Trace layers again in the backward instead of keeping what they made. */
  recompute: boolean;
  /** Ends after so many of its steps, as if it had been stopped there. */
  until?: number;
  /** Asked before each step: the run waits for the promise that it answers, if any. What a pause button is made of. */
  hold?: () => Promise<void> | undefined;
  /** Hears of the scores that blocks are chosen by. */
  scored?: (scores: BlockScores) => void;
  /** Hears, while it trains, what what trains has become so far: at most a few times a second. */
  meanwhile?: Report;
}

/** The optimizer's, and the gradient norm that is scaled down to (0 is off). */
export interface OptimizerOptions {
  /** How matrices move beside the frozen base; where the base itself moves it is by AdamW. */
  optimizer?: Optimizer;
  /** The size of Muon's steps: block or strip (docs/settings.md). */
  muonScale?: MuonScale;
  betas: readonly [number, number];
  eps: number;
  weightDecay: number;
  /** Where it draws the weights of blocks to; zero where absent. */
  decayToward?: DecayToward;
  clip: number;
}

/** What a method is told of the optimizer. */
export const trainingOf = (
  { optimizer, muonScale, weightDecay, decayToward }: OptimizerOptions,
  { maxBinding, software }: Planning,
): Training => ({
  decays: weightDecay > 0 && decayToward !== 'base',
  muon: optimizer === 'muon' ? (muonScale ?? 'strip') : undefined,
  software,
  most: maxBinding,
});
