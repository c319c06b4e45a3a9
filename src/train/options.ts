// What a run is told, as plain values. The command line and the page make it from the options table.

import type { Adapter } from '../io/adapter.ts';
import { type Budgets, parseBudget } from '../methods/smt/budget.ts';
import type { Selection, Spread } from '../methods/smt/select.ts';
import type { Module } from '../models/decoder.ts';
import type { Score } from '../ops/blocks/score.ts';
import type { Settled } from '../options/table.ts';
import type { Schedule } from './schedule.ts';

/** What a run is told: method, length, optimizer, blocks. */
export interface TuneOptions {
  method: 'smt' | 'full' | 'lora' | 'dora';
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
  budgets: Budgets;
  /** What blocks are chosen by, and for gradients which figure of them. */
  select: 'gradient' | 'activation' | 'magnitude' | 'random';
  score: Score;
  spread: Spread;
  /** frozen: weights stay while scores gather; full: full fine-tuning steps, kept. */
  warmup: 'frozen' | 'full';
  /** Micro-batches of the frozen warm-up, steps of the full one. */
  warmupSteps: number;
  /** Blocks chosen before: no warm-up. */
  selection?: Selection;
  /** Of the low-rank factors (lora, dora); dropout is the share of their inputs left out in a pass. */
  factors?: { rank: number; alpha: number; dropout: number };
  /** Goes on from this adapter, of the same method. */
  adapter?: Adapter;
  /** Steps between evaluations on held-out rows, and evaluations without a better one before the run stops. */
  evalEvery?: number;
  patience?: number;
  /** Trace layers again in the backward instead of keeping what they made. */
  recompute: boolean;
}

/** The run's settings, from the options. */
export function tuneOptions(o: Settled): TuneOptions {
  return {
    method: o.method,
    steps: o.steps,
    epochs: o.epochs,
    batch: o.batch,
    accumulate: o.accumulate,
    shuffle: !o.noShuffle,
    seed: o.seed,
    lr: o.lr,
    schedule: o.schedule,
    lrWarmup: o.lrWarmup,
    betas: o.betas,
    eps: o.eps,
    weightDecay: o.weightDecay,
    clip: o.clip,
    targets: o.targets.map((t) => `${t}_proj` as Module),
    block: o.block,
    budgets: parseBudget(o.budget),
    select: o.select,
    score: o.score,
    warmup: o.warmup,
    spread: o.spread,
    warmupSteps: o.warmupSteps,
    factors: { rank: o.rank, alpha: o.alpha, dropout: o.dropout },
    evalEvery: o.evalEvery,
    patience: o.patience,
    recompute: o.recompute === 'on',
  };
}
