// How likely a model finds the targets of rows: log-probabilities, loss, perplexity. Nothing trains.

import { ladder, pack } from '../data/pack.ts';
import type { Row } from '../data/rows.ts';
import type { Gpu } from '../gpu/device.ts';
import type { Planning } from '../gpu/limits.ts';
import { type Plan, plan } from '../gpu/plan.ts';
import type { Build } from '../gpu/program.ts';
import { type Machine, readback, replay } from '../gpu/run.ts';
import { resident, type Tensor } from '../gpu/tensor.ts';
import { type Decoder, hiddenStates, weightBytes } from '../models/decoder.ts';
import { feed } from '../models/inputs.ts';
import { headLoss } from '../ops/loss/head.ts';
import { newResults } from '../ops/optimizer/gradnorm.ts';
import { newStream, type Sizes, type Stream } from '../ops/stream/stream.ts';

export interface Likelihood {
  machine: Machine;
  stream: Stream;
  sizes: Sizes;
}

export interface RowScore {
  /** Summed log-probability of the row's targets, and their number. */
  logprob: number;
  tokens: number;
}

/** Log-probability of every target [M]. */
export function likelihood(d: Decoder, s: Stream, loss: Tensor, logprob: Tensor): Build {
  return (p) => {
    const h = hiddenStates(p, d, s);
    headLoss(p, h, d.norm, d.head, s, { eps: d.config.rms_norm_eps, weights: weightBytes(d), train: false, loss, logprob });
  };
}

/** The program that scores rows, planned for so many tokens (N) and targets (M) at a time. */
export function planLikelihood(d: Decoder, sizes: Sizes, planning: Planning): { plan: Plan; stream: Stream } {
  const stream = newStream(sizes.N, sizes.M);
  const logprob = resident('logprob', [sizes.M], 'other');
  const build = likelihood(d, stream, newResults(), logprob);
  return { stream, plan: plan([{ name: 'eval', build, dims: sizes, readback: logprob }], planning) };
}

/** Largest batch of rows taken in order, `batch` at a time. */
export function sizesOf(rows: Row[], batch: number): Sizes {
  const sizes = { N: 1, M: 1 };
  for (let i = 0; i < rows.length; i += batch) {
    const { n, m } = pack(rows.slice(i, i + batch));
    sizes.N = Math.max(sizes.N, n);
    sizes.M = Math.max(sizes.M, m);
  }
  return sizes;
}

/** Scores rows in order, `batch` at a time; answers one score a row, summed on the host in f64. */
export async function scoreRows(
  gpu: Gpu,
  l: Likelihood,
  rows: Row[],
  batch: number,
  each: (score: RowScore, i: number) => void = () => {},
): Promise<RowScore[]> {
  const scores: RowScore[] = [];
  for (let i = 0; i < rows.length; i += batch) {
    const b = pack(rows.slice(i, i + batch));
    const [N, M] = [ladder(b.n, l.sizes.N), ladder(b.m, l.sizes.M)];
    feed(gpu.memory, l.stream, b, N, M, false);
    replay(l.machine, 'eval', { N, M });
    const logprob = await readback(l.machine, 'eval');
    const made = Array.from({ length: Math.min(batch, rows.length - i) }, () => ({ logprob: 0, tokens: 0 }));
    for (let t = 0; t < b.m; t++) {
      made[b.targetRow[t]].logprob += logprob[t];
      made[b.targetRow[t]].tokens++;
    }
    for (const s of made) each(s, scores.push(s) - 1);
  }
  return scores;
}

/** Loss in nats a target, its exponential, and the number of targets. */
export function summary(scores: RowScore[]): { loss: number; perplexity: number; tokens: number } {
  const tokens = scores.reduce((n, s) => n + s.tokens, 0);
  const loss = -scores.reduce((n, s) => n + s.logprob, 0) / Math.max(1, tokens);
  return { loss, perplexity: Math.exp(loss), tokens };
}
