// One run of a comparison: a fresh model on the device, trained, measured, and taken off again. The device stays open between
// runs, so that its kernels are compiled once.

import { parametersOf } from '../../models/decoder.ts';
import { type Settled, withDefaults } from '../../options/table.ts';
import {
  answerRows,
  type Choices,
  endsOf,
  freeModel,
  type Gpu,
  loadModel,
  longestOf,
  lossOf,
  type Model,
  matrixParameters,
  type OpenModel,
  planningOf,
  positionsToAnswer,
  type Row,
  sizeOfTargets,
  targetsOf,
  tune,
} from '../../parts.ts';
import type { Line, Report } from '../../report.ts';
import { methodFrom, modulesOf, tuneOptions } from '../settings.ts';
import { BASE } from './apart.ts';
import type { Result } from './result.ts';
import { savedBytes } from './size.ts';

/** What all runs of a comparison are measured on. */
export interface Bench {
  gpu: Gpu;
  opened: OpenModel;
  rows: Row[];
  held: Row[];
  guard: Row[] | null;
  /** Held-out rows that are answered. */
  asked: Row[];
  seconds?: number;
  /** The seed that parted held-out rows from the others; null where they are a file. */
  drawnBy: number | null;
  /** Kernels of all runs; null until the first has chosen them. */
  kernels: Choices | null;
}

/** What a result is called; lr: the one that the run had, once it is known. */
export type Label = Pick<Result, 'id' | 'method' | 'size' | 'seed'> & { lr: Result['lr'] | 'auto' };

/** Trains and measures; null where the signal stopped it. */
export async function oneRun(
  bench: Bench,
  label: Label,
  o: Settled,
  report: Report,
  signal: AbortSignal,
): Promise<Result | null> {
  const { guard } = bench;
  const method = methodFrom(o);
  const model = await freshModel(bench, method.movesBase ? 'f32' : o.base);
  try {
    const before = guard && (await lossOf(model, guard, o.batch)).loss;
    const heard = listener(report, bench.seconds);
    const stop = AbortSignal.any([signal, heard.spent]);
    // the kernels that the first run chose, so that all runs of a comparison are alike, whenever they are run
    if (bench.kernels) model.planning = planningOf(model.planning, { choices: bench.kernels });
    const options = { ...tuneOptions(o, method), autotune: bench.kernels === null, checkpoints: undefined };
    const tuned = await tune(model, { rows: bench.rows, held: bench.held }, options, heard.report, stop);
    bench.kernels = model.planning.choices;
    if (signal.aborted) return null;
    const after = guard && (await lossOf(model, guard, o.batch)).loss;
    const exact = await answered(bench, model, signal);
    if (signal.aborted) return null;
    const everything = parametersOf(model.decoder).reduce((n, w) => n + ('windows' in w ? w.rows * w.cols : w.value.shape[0]), 0);
    const { trainable, blocks, found, ...figures } = heard.figures();
    return {
      ...label,
      lr: label.lr === 'auto' ? found : label.lr,
      trainable,
      share_targets: trainable / sizeOfTargets(targetsOf(model.decoder, modulesOf(o))),
      share_model: trainable / matrixParameters(model.decoder),
      exact,
      guard: before !== null && after !== null ? { before, after } : null,
      adapter_bytes: savedBytes(method, trainable, blocks?.moved.length ?? 0, everything),
      ...figures,
      tokens_per_second: tuned.inputTokens / Math.max(1e-9, tuned.seconds),
      steps: tuned.steps,
      seconds: tuned.seconds,
      blocks,
      settings: { ...settingsOf(o), ...termsOf(bench) },
    };
  } finally {
    freeModel(model);
  }
}

function freshModel({ gpu, opened, held, rows, guard, asked }: Bench, base: Settled['base']): Promise<Model> {
  const longest = Math.max(longestOf(rows, held, guard), positionsToAnswer(asked));
  return loadModel(gpu, opened, { longest, base });
}

/** The base itself, measured as a run is; null where the signal stopped it. */
export async function baseRun(
  bench: Bench,
  label: Label & { lr: number },
  o: Settled,
  signal: AbortSignal,
): Promise<Result | null> {
  const model = await freshModel(bench, o.base);
  try {
    const { loss } = await lossOf(model, bench.held, o.batch);
    const kept = bench.guard && (await lossOf(model, bench.guard, o.batch)).loss;
    const exact = await answered(bench, model, signal);
    if (signal.aborted) return null;
    const none = { trainable: 0, share_targets: 0, share_model: 0, adapter_bytes: 0, tokens_per_second: 0, steps: 0, seconds: 0 };
    return {
      ...label,
      ...none,
      loss,
      exact,
      guard: kept === null ? null : { before: kept, after: kept },
      device_bytes: { peak: 0, train: 0 },
      warmup_seconds: 0,
      curve: [],
      evals: [{ step: 0, loss }],
      blocks: null,
      settings: { ...settingsOf(o), ...termsOf(bench) },
    };
  } finally {
    freeModel(model);
  }
}

async function answered({ opened, asked }: Bench, model: Model, signal: AbortSignal): Promise<Result['exact']> {
  if (!asked.length) return null;
  const answers = await answerRows(model, asked, { eos: endsOf(opened), signal });
  return { right: answers.filter((a) => a.right).length, of: answers.length };
}

/** The options that decide a run's figures, as plain JSON. */
export function settingsOf({ given: _, tune: __, json: ___, quiet: ____, ...o }: Settled): Record<string, unknown> {
  return JSON.parse(JSON.stringify(o));
}

/** What else decides them, the same for all runs: how long they have, how many rows are answered, which seed drew the held-out ones. */
export const termsOf = ({ seconds, asked, drawnBy }: Pick<Bench, 'seconds' | 'asked' | 'drawnBy'>) => ({
  seconds: seconds ?? null,
  answered: asked.length,
  drawnBy,
});

/**
 * What made a result, beside the terms of now. Earlier versions kept none: how many rows were answered the result says, which seed
 * was the first the base's row says, and its time is taken to be that of now.
 */
export function madeBy(
  { settings, exact, size, method, seed }: Result,
  now: ReturnType<typeof termsOf>,
): Record<string, unknown> {
  const drawnBy = now.drawnBy !== null && method === BASE && size === null ? seed : now.drawnBy;
  return { ...now, drawnBy, answered: exact?.of ?? 0, ...settings };
}

/** Whether a result was made by the same settings; one of before there was an option had its default. */
export function sameSettings(was: Record<string, unknown>, is: Record<string, unknown>): boolean {
  const before = { ...settingsOf(withDefaults({})), ...was };
  return [...new Set([...Object.keys(was), ...Object.keys(is)])].every(
    (key) => JSON.stringify(before[key]) === JSON.stringify(is[key]),
  );
}

/** Passes a run's progress on, gathers its figures, and says when its time is spent. */
function listener(report: Report, seconds = Number.POSITIVE_INFINITY) {
  const spent = new AbortController();
  const curve: number[] = [];
  const evals: { step: number; loss: number }[] = [];
  const device_bytes = { peak: 0, train: 0 };
  let block = 0;
  let blocks: Result['blocks'] = null;
  let [trainable, warmup, time, found] = [0, 0, 0, Number.NaN];
  const passed: Line['kind'][] = ['start', 'warmup', 'rates', 'step', 'eval', 'warning'];
  return {
    spent: spent.signal,
    report(line: Line) {
      if (line.kind === 'warmup') warmup += line.ms;
      if (line.kind === 'step') curve.push(line.loss);
      if (line.kind === 'rates') found = line.lr;
      if (line.kind === 'selection') block = line.block;
      if (line.kind === 'blocks_update') blocks = { block, moved: line.blocks };
      if (line.kind === 'eval') evals.push({ step: line.step, loss: line.loss });
      if (line.kind === 'warmup' || line.kind === 'step') time += line.ms;
      if (line.kind === 'plan' && !line.bound) {
        device_bytes.peak = Math.max(device_bytes.peak, line.bytes.total);
        if (line.program === 'train') [device_bytes.train, trainable] = [line.bytes.total, line.trainable];
      }
      if (passed.includes(line.kind)) report(line);
      if (time > 1000 * seconds) spent.abort();
    },
    figures: () => ({
      trainable,
      blocks,
      found,
      loss: evals.at(-1)?.loss ?? Number.NaN,
      device_bytes,
      warmup_seconds: warmup / 1000,
      curve,
      evals,
    }),
  };
}
