// The loop of a training run: feed, forward and backward, update, and results read back late, of several steps at once.

import type { Batches } from '../data/batches.ts';
import { ladder, type Packed, pack } from '../data/pack.ts';
import type { Row } from '../data/rows.ts';
import { type Gpu, idle } from '../gpu/device.ts';
import { RING } from '../gpu/plan.ts';
import { type Machine, readback, replay } from '../gpu/run.ts';
import { feed, feedPass, feedScalars } from '../models/inputs.ts';
import { RESULTS } from '../ops/optimizer/gradnorm.ts';
import type { Report } from '../report.ts';
import type { Phase } from './plans.ts';

export interface Loop {
  gpu: Gpu;
  machine: Machine;
  phase: Phase;
  rows: Row[];
  batches: Batches;
  steps: number;
  lrAt: (t: number) => number;
  /** The rate of what has one of its own. */
  ownLrAt?: (t: number) => number;
  /** The embedding trains, so tokens are fed sorted too. */
  sorted: boolean;
  /** The id whose row of the embedding has no gradient. */
  padding?: number | null;
  /** Steps done before, by a run that this one goes on from. */
  from?: number;
  /** That run had come to its end by itself: there is nothing to do. */
  ended?: boolean;
  /** Steps (from 1) after which the run waits for all results and calls `after`, which stops it by answering false. */
  pausesAt?: (step: number) => boolean;
  after?: (step: number) => Promise<boolean>;
  /** Hears of each step's norm, and whether it was skipped; stops the run by answering false. */
  heard?: (step: number, norm: number, skipped: boolean) => boolean;
  /** Asked before each step: the loop waits for what it answers, and the time does not count. */
  hold?: () => Promise<void> | undefined;
  /** Called where it begins to wait, with the steps done. */
  held?: (step: number) => Promise<unknown>;
  signal?: AbortSignal;
}

/** What a run did: optimizer steps, tokens read (padding not counted), and the time of the steps alone. */
export interface TrainResult {
  steps: number;
  inputTokens: number;
  seconds: number;
}

interface Pending {
  step: number;
  targets: number;
  tokens: number;
  lr: number;
  results: Promise<Float32Array>;
}

/** Runs the steps and reports each in order. Stops early at the signal, between two steps. */
export async function train(l: Loop, report: Report): Promise<TrainResult> {
  const { memory } = l.gpu;
  const { stream } = l.phase;
  const pending: Pending[] = [];
  // a software adapter works inside submit: being far ahead of it would only make its times hard to read
  const ahead = l.gpu.software ? 2 : RING - 1;
  const done = { steps: l.from ?? 0, inputTokens: 0, seconds: 0 };
  let last = performance.now();
  let going = !l.ended;
  const arrive = async () => {
    const p = pending.shift()!;
    const r = await p.results;
    const now = performance.now();
    const skipped = r[RESULTS.skipped] !== 0;
    done.steps = p.step;
    done.inputTokens += p.tokens;
    done.seconds += (now - last) / 1000;
    report({
      kind: 'step',
      step: p.step,
      loss: r[RESULTS.lossSum] / p.targets,
      lr: p.lr,
      grad_norm: r[RESULTS.norm],
      tokens: p.targets,
      input_tokens: p.tokens,
      ms: now - last,
      skipped,
    });
    if (l.heard?.(p.step, r[RESULTS.norm], skipped) === false) going = false;
    last = now;
  };
  for (let t = l.from ?? 0; t < l.steps && going && !l.signal?.aborted; t++) {
    const held = l.hold?.();
    if (held) {
      while (pending.length) await arrive();
      await l.held?.(t);
      await held;
      last = performance.now();
      if (l.signal?.aborted) break;
    }
    const batch = l.batches.step(t).map((micro) => pack(micro.map((i) => l.rows[i])));
    const targets = batch.reduce((n, b) => n + b.m, 0);
    const lr = l.lrAt(t);
    feedScalars(memory, stream, { targets, lr, ownLr: l.ownLrAt?.(t) });
    batch.forEach((b, i) => microBatch(l, b, t * l.batches.accumulate + i, i === 0));
    replay(l.machine, 'update', {});
    const tokens = batch.reduce((n, b) => n + b.n, 0);
    pending.push({ step: t + 1, targets, tokens, lr, results: readback(l.machine, 'update') });
    if (pending.length >= ahead) await arrive();
    if (!l.pausesAt?.(t + 1)) continue;
    while (pending.length) await arrive();
    if ((await l.after?.(t + 1)) === false) going = false;
    last = performance.now();
  }
  while (pending.length) await arrive();
  await idle(l.gpu);
  return done;
}

/** Forward and backward of one micro-batch; the step's first writes gradients, the others add to them. */
function microBatch(l: Loop, b: Packed, pass: number, first: boolean): void {
  const [N, M] = [ladder(b.n, l.phase.sizes.N), ladder(b.m, l.phase.sizes.M)];
  feed(l.gpu.memory, l.phase.stream, b, N, M, l.sorted, l.padding);
  feedPass(l.gpu.memory, l.phase.stream, pass);
  replay(l.machine, 'train', { N, M }, first ? 0 : 1);
}
