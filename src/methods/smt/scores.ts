// Score maps of the target matrices: from gradients or inputs by a warm-up, from the weights alone, or by lot.

import type { Planning } from '../../gpu/limits.ts';
import type { Build, Program } from '../../gpu/program.ts';
import { resident, type Tensor } from '../../gpu/tensor.ts';
import { type Decoder, parametersOf } from '../../models/decoder.ts';
import { finished, newScorer, type Score, type Scorer, scoreDense, scoresGradient, sumsInput } from '../../ops/blocks/score.ts';
import { addInto } from '../../ops/elementwise/fill.ts';
import type { Weight } from '../../ops/stored/weight.ts';
import type { Stream } from '../../ops/stream/stream.ts';
import { random } from '../../random.ts';
import { attachDense } from '../full.ts';
import type { Base, Choosing, Gathered, Warmup } from '../method.ts';
import { type Target, weightOf } from '../targets.ts';
import type { ScoreMaps } from './select.ts';

export { SCORES } from '../../ops/blocks/score.ts';

/** What blocks are scored by. */
export const SELECTS = ['gradient', 'activation', 'magnitude', 'random'] as const;
/** frozen: weights stay while scores gather. full: full fine-tuning steps, kept; the result is a model. */
export const WARMUPS = ['frozen', 'full'] as const;

/** How blocks are scored: by a warm-up that reads data, or without one. */
export interface ScoreSettings {
  /** gradient, activation, magnitude or random. */
  select: (typeof SELECTS)[number];
  /** The figure of a gradient that counts: absmean, absofmean, absmean-of-sum or l2. */
  score: Score;
  /** frozen: weights stay while scores gather; full: they train, and the result is a model. */
  warmup: (typeof WARMUPS)[number];
  /** Micro-batches of the frozen warm-up, steps of the full one. */
  warmupSteps: number;
  seed: number;
}

/** Scores of every block of the targets; null where the run was stopped meanwhile. */
export async function scoreMaps(c: Choosing, s: ScoreSettings, targets: Target[], b: number): Promise<ScoreMaps | null> {
  if (s.select === 'random') return byLot(targets, b, s.seed);
  if (s.select === 'magnitude') return weightFigures(c.base, targets, b, null);
  let read: Reader | undefined;
  const gathered = await c.warmUp((d, stream, planning) => {
    const { mapsOf, ...warmup } = warmupOf(d, stream, planning, s, targets, b)!;
    read = mapsOf;
    return warmup;
  });
  return gathered && read!(c.base, gathered);
}

type Reader = (base: Base, g: Gathered) => ScoreMaps | Promise<ScoreMaps>;

/** The pass over the data that these scores need, and how they are read off it; null where they need none. */
export function warmupOf(
  d: Decoder,
  stream: Stream,
  planning: Planning,
  s: ScoreSettings,
  targets: Target[],
  b: number,
): (Warmup & { mapsOf: Reader }) | null {
  if (s.select === 'random' || s.select === 'magnitude') return null;
  if (s.select === 'activation') return byInput(d, stream, s, targets, b);
  const scorers = targets.map((t) => newScorer(weightOf(d, t), b, s.score, planning.maxBinding));
  return s.warmup === 'full' ? byTraining(d, s, scorers) : byGradient(s, scorers);
}

const gatheredBy = (scorers: Scorer[]) => scorers.flatMap((s) => [s.map, ...s.sums.map((x) => x.t)]);

const mapsOf =
  (scorers: Scorer[]): Reader =>
  (_, g) =>
    new Map(scorers.map((s) => [s.weight.name, finished(s.score, g.of(s.map))]));

/** Frozen: every weight's gradient is scored in the backward, and stored only where its sum is the score. */
function byGradient(s: ScoreSettings, scorers: Scorer[]): Warmup & { mapsOf: Reader } {
  for (const scorer of scorers) scorer.weight.trains = scoresGradient(scorer);
  return {
    steps: s.warmupSteps,
    gradients: true,
    gathered: gatheredBy(scorers),
    finish: finishOf(scorers),
    off: () => off(scorers.map((x) => x.weight)),
    mapsOf: mapsOf(scorers),
  };
}

/** Full: everything trains, and the stored gradients of every step are scored before they are clipped. */
function byTraining(d: Decoder, s: ScoreSettings, scorers: Scorer[]): Warmup & { mapsOf: Reader } {
  const attached = attachDense(parametersOf(d), (w) => w === d.embed);
  const before: Build = (p) => {
    for (const scorer of scorers) scoreGradients(p, scorer);
  };
  return {
    steps: s.warmupSteps,
    gradients: true,
    gathered: gatheredBy(scorers),
    finish: finishOf(scorers),
    trains: { attached, before },
    off: () => attached.settle!(),
    mapsOf: mapsOf(scorers),
  };
}

/** Adds a step's dense gradient to the score of its weight. */
function scoreGradients(p: Program, s: Scorer): void {
  const { trains, windows } = s.weight;
  windows.forEach((v, i) => {
    if (s.score === 'absmean-of-sum') addInto(p, trains!.grads![i], s.sums[i].t);
    else scoreDense(p, s, v.r0, trains!.grads![i]);
  });
}

/** Scores that need the sum of all gradients are made of it at the end. */
function finishOf(scorers: Scorer[]): Build | undefined {
  if (!scorers.some((s) => s.sums.length)) return undefined;
  return (p) => {
    for (const s of scorers) for (const { r0, t } of s.sums) scoreDense(p, s, r0, t);
  };
}

/** Mean over the block's columns j of mean over tokens |x_j| times mean |W| in the block's column j. */
function byInput(d: Decoder, { scalars }: Stream, s: ScoreSettings, targets: Target[], b: number): Warmup & { mapsOf: Reader } {
  const inputs = new Map<Target, Tensor>(targets.map((t) => [t, resident(`${t.name}.inputs`, [t.cols], 'other')]));
  for (const [t, x] of inputs) weightOf(d, t).trains = sumsInput(x, scalars);
  return {
    steps: s.warmupSteps,
    gradients: false,
    gathered: [...inputs.values()],
    off: () => off(targets.map((t) => weightOf(d, t))),
    mapsOf: (base, g) => {
      const means = new Map([...inputs].map(([t, x]) => [t, g.of(x).map((sum) => sum / g.tokens)]));
      return weightFigures(base, targets, b, means);
    },
  };
}

function off(weights: Weight[]): void {
  for (const w of weights) w.trains = null;
}

/** Mean over each block of |W[i, j]| times the size of input j (1 without inputs), in f64 on the host. */
async function weightFigures(
  base: Base,
  targets: Target[],
  b: number,
  inputs: Map<Target, Float32Array> | null,
): Promise<ScoreMaps> {
  const maps: ScoreMaps = new Map();
  for (const t of targets) {
    const x = inputs?.get(t);
    const across = t.cols / b;
    const sums = new Float64Array((t.rows / b) * across);
    let row = 0;
    for await (const part of base.values(weightOf(base.decoder, t)))
      for (let at = 0; at < part.length; at += t.cols, row++)
        for (let j = 0; j < t.cols; j++)
          sums[Math.floor(row / b) * across + Math.floor(j / b)] += Math.abs(part[at + j]) * (x ? x[j] : 1);
    maps.set(
      t.name,
      Float32Array.from(sums, (sum) => sum / (b * b)),
    );
  }
  return maps;
}

/** Uniform scores: every block has the same chance. */
function byLot(targets: Target[], b: number, seed: number): ScoreMaps {
  const draw = random(seed, 0x5e1ec7);
  return new Map(
    targets.map((t) => [t.name, Float32Array.from({ length: (t.rows / b) * (t.cols / b) }, () => draw() / 2 ** 32)]),
  );
}
