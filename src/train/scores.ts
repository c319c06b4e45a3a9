// Score maps of the target matrices: from gradients or inputs by a warm-up, from the weights alone, or by lot.

import { random } from '../data/random.ts';
import type { Row } from '../data/rows.ts';
import { read, resident } from '../gpu/tensor.ts';
import type { ScoreMaps, Target } from '../methods/smt/select.ts';
import type { Module } from '../models/decoder.ts';
import { finished, newScorer, scoreDense, scoresGradient, sumsInput } from '../ops/blocks/score.ts';
import { newStream, type Stream } from '../ops/stream/stream.ts';
import type { Report } from '../report.ts';
import { type Model, type Planned, values } from './model.ts';
import type { TuneOptions } from './options.ts';
import type { Layout } from './order.ts';
import { type Warmup, warmUp } from './warmup.ts';

/** Scores of every block of the targets, by weight name. Leaves the device as it was. */
export async function scoreMaps(
  model: Model,
  rows: Row[],
  o: TuneOptions,
  targets: Target[],
  b: number,
  run: Layout,
  report: Report,
  signal?: AbortSignal,
): Promise<ScoreMaps> {
  if (o.select === 'random') return byLot(targets, b, o.seed);
  if (o.select === 'magnitude') return weightFigures(model, targets, b, null);
  const steps = Math.min(o.warmupSteps, run.microBatches);
  if (steps < o.warmupSteps)
    report({
      kind: 'note',
      text: `the data gives ${steps} micro-batches, so the warm-up takes ${steps} steps instead of ${o.warmupSteps}`,
    });
  const stream = newStream(run.sizes.N, run.sizes.M);
  const w = { model, rows, order: run.order, steps, sizes: run.sizes, stream, recompute: o.recompute, signal };
  return o.select === 'gradient' ? byGradient(w, o, targets, b, report) : byInput(w, targets, b, report);
}

type Reading = Omit<Warmup, 'gradients' | 'gathered' | 'finish'>;

async function byGradient(w: Reading, o: TuneOptions, targets: Target[], b: number, report: Report): Promise<ScoreMaps> {
  const { scorers, ...gathering } = hangScorers(w.model, targets, b, o);
  try {
    return await warmUp({ ...w, ...gathering }, () => mapsOf(w.model, scorers), report);
  } finally {
    for (const s of scorers) s.weight.trains = null;
  }
}

/** Hangs what scores gradients on the targets. */
export function hangScorers(model: Planned, targets: Target[], b: number, o: Pick<TuneOptions, 'score'>) {
  const scorers = scorersOf(model, targets, b, o);
  for (const s of scorers) s.weight.trains = scoresGradient(s);
  const summed = scorers.filter((s) => s.sums.length);
  const finish = summed.length
    ? (p: Parameters<typeof scoreDense>[0]) => summed.forEach((s) => s.sums.forEach(({ r0, t }) => scoreDense(p, s, r0, t)))
    : undefined;
  return { scorers, gradients: true, gathered: scorers.flatMap((s) => [s.map, ...s.sums.map((x) => x.t)]), finish };
}

export function scorersOf(model: Planned, targets: Target[], b: number, o: Pick<TuneOptions, 'score'>) {
  return targets.map((t) => newScorer(weightOf(model, t), b, o.score, model.planning.maxBinding));
}

export async function mapsOf(model: Model, scorers: ReturnType<typeof scorersOf>): Promise<ScoreMaps> {
  const maps: ScoreMaps = new Map();
  for (const s of scorers) maps.set(s.weight.name, finished(s.score, await read(model.gpu.memory, s.map)));
  return maps;
}

/** Mean over the block's columns j of mean over tokens |x_j| times mean |W| in the block's column j. */
async function byInput(w: Reading, targets: Target[], b: number, report: Report): Promise<ScoreMaps> {
  const { inputs, ...gathering } = hangInputs(w.model, targets, w.stream);
  try {
    const means = await warmUp(
      { ...w, ...gathering },
      async (tokens) => {
        const read_ = new Map<Target, Float32Array>();
        for (const [t, x] of inputs)
          read_.set(
            t,
            (await read(w.model.gpu.memory, x)).map((v) => v / tokens),
          );
        return read_;
      },
      report,
    );
    return await weightFigures(w.model, targets, b, means);
  } finally {
    for (const t of targets) weightOf(w.model, t).trains = null;
  }
}

/** Hangs what sums up the inputs' sizes on the targets. */
export function hangInputs(model: Planned, targets: Target[], { scalars }: Stream) {
  const inputs = new Map(targets.map((t) => [t, resident(`${t.name}.inputs`, [t.cols], 'other')]));
  for (const [t, x] of inputs) weightOf(model, t).trains = sumsInput(x, scalars);
  return { inputs, gradients: false, gathered: [...inputs.values()] };
}

/** Mean over each block of |W[i, j]| times the size of input j (1 without inputs), in f64 on the host. */
async function weightFigures(
  model: Model,
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
    for await (const part of values(model.files.tensors.get(t.name)!, weightOf(model, t)))
      for (let at = 0; at < part.length; at += t.cols, row++)
        for (let j = 0; j < t.cols; j++)
          sums[Math.floor(row / b) * across + Math.floor(j / b)] += Math.abs(part[at + j]) * (x ? x[j] : 1);
    maps.set(
      t.name,
      Float32Array.from(sums, (s) => s / (b * b)),
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

const weightOf = (model: Planned, t: Target) => model.decoder.layers[t.layer].matrices[t.module as Module];
