// A run with all that stands around it: kernels chosen, memory settled, checkpoints kept and resumed, what is forgotten measured.
// The run itself is session.ts.

import type { Row } from '../data/rows.ts';
import type { AutotuneCache } from '../gpu/autotune.ts';
import { type Choices, planningOf } from '../gpu/limits.ts';
import { read } from '../gpu/tensor.ts';
import type { Method } from '../methods/method.ts';
import { parametersOf } from '../models/decoder.ts';
import type { Report } from '../report.ts';
import { withKernels } from './autotune.ts';
import type { Found } from './checkpoint.ts';
import { lossOf } from './evaluate.ts';
import { type Identity, identityOf, mustBeSame, plainSettings, type Start } from './identity.ts';
import { type CheckpointOptions, keepingIn, openCheckpoints } from './keeping.ts';
import type { Life } from './lives.ts';
import { baseOf, type Model } from './model.ts';
import type { RunOptions } from './options.ts';
import { evaluationOf, trialOf } from './rates.ts';
import { type MemoryOptions, settleRecompute } from './recompute.ts';
import { type Curve, copyOf, newCurve, type RunRecord, recording } from './record.ts';
import { newRun, type Run } from './run.ts';
import { runMethod, type Tuned } from './session.ts';

/** The rows of a run; what `openData` gives will do. */
export interface TuneData {
  rows: Row[];
  /** Held-out rows, for the loss during the run. */
  held?: Row[];
  /** A second data set, whose loss before and after tells what the model forgets. */
  guard?: { name: string; rows: Row[] };
}

/** All that `tune` may be told: the method, and beside it what has a default. */
export interface TuneOptions extends Omit<RunOptions, 'recompute'>, MemoryOptions {
  method: Method;
  /** Time kernel variants before the first step, and remember the fastest in the cache. */
  autotune: boolean;
  cache?: AutotuneCache;
  checkpoints?: CheckpointOptions;
  /** Where the run may lose its device: what outlives it. */
  life?: Life;
  /** What the method starts from beside its settings: part of what the run is of. */
  start?: Start;
  /** Losses of the warm-up, where it was made before the run by the same settings: they are of its record. */
  warmedUp?: readonly number[];
  /** Of a run that goes on: hears what it had told before. */
  toldBefore?: (curve: Curve) => void;
  /** A run to be made again: refused where this one is not of the same. */
  again?: Again;
}

/** What is known of a run that is made again: what it was of, and its kernels; absent: those of this run's own. */
export interface Again {
  name: string;
  of: Identity;
  kernels?: Choices;
}

/** A run with the record of what it was and told; of one that trained nothing, there is none. */
export interface RecordedRun extends Tuned {
  record: RunRecord | null;
}

/** Trains a loaded model on rows by a method. What was trained stays on the device, hung on the model; the base is not written but by a method that says so. */
export async function tuneModel(
  model: Model,
  data: TuneData,
  o: TuneOptions,
  report: Report,
  signal?: AbortSignal,
): Promise<RecordedRun> {
  const checkpoints = checkpointsOf(o);
  const kept = checkpoints && (await openCheckpoints(checkpoints, report));
  try {
    return await tuneKept(model, data, { ...o, checkpoints }, report, signal, kept);
  } finally {
    await kept?.release();
  }
}

/** The checkpoints that a run is given; after the loss of a device it goes on from them, and where it has none from snapshots. */
function checkpointsOf({ checkpoints: c, life }: TuneOptions): CheckpointOptions | undefined {
  const resume = life !== undefined && life.losses > 0;
  if (c) return resume ? { ...c, resume: c.resume || c.every !== 0 } : c;
  return life && { folder: life.snapshots, keep: 1, most: SNAPSHOT, resume };
}

/** Bytes of a snapshot in memory at most: where there are more, a lost run begins anew. */
const SNAPSHOT = 2 ** 30;

type Kept = Awaited<ReturnType<typeof openCheckpoints>>;

async function tuneKept(
  model: Model,
  data: TuneData,
  o: TuneOptions,
  listener: Report,
  signal?: AbortSignal,
  kept?: Kept,
): Promise<RecordedRun> {
  const found = kept?.found;
  const before = o.warmedUp && { ...newCurve(), warmup: [...o.warmedUp] };
  const { report, told } = recording(listener, found?.curve ?? before);
  const method = found?.choice ? o.method.chosen!(found.choice) : o.method;
  const run = await prepareRun(model, data, { ...o, method }, report, signal, found);
  const of = once(() => identityOf(model.files, { rows: run.rows, held: run.held }, settingsOf(run, method), o.start));
  if (o.again) mustBeSame(o.again.name, o.again.of, await of(), 'Give the model and the data of that run.');
  if (found) {
    mustBeSame(found.name, found.of, await of());
    o.toldBefore?.(copyOf(found.curve));
  }
  if (found?.moved) model.moved = true; // its weights are in the checkpoint
  const keeping = kept && keepingIn(kept.store, model, { of, curve: told.curve }, o.checkpoints!, report, found);
  const { guard } = data;
  const forgotten = async (step: number) => {
    if (guard) report({ kind: 'eval', step, ...(await lossOf(model, guard.rows, o.batch)), guard: guard.name });
  };
  await forgotten(0);
  const tuned = await runMethod(run, method, keeping).catch(async (e) => {
    await keeping?.written().catch(() => {}); // what had been taken before counts
    throw e;
  });
  await keeping?.written();
  if (tuned.steps) {
    for (const line of (await tuned.made?.attached.told?.(baseOf(model))) ?? []) report(line);
    await forgotten(tuned.steps);
  }
  const record = tuned.made && { of, kernels: model.planning.choices, ...told };
  return { ...tuned, record };
}

/** The run laid out, with the model's kernels chosen and its memory settled. Choosing comes first: it decides on bytes too. */
export async function prepareRun(
  model: Model,
  data: TuneData,
  o: TuneOptions,
  report: Report,
  signal?: AbortSignal,
  found?: Found,
): Promise<Run> {
  if (o.optimizer === 'muon' && o.method.movesBase)
    throw new Error(`expected the optimizer adamw where ${o.method.name} trains the base itself, got muon: leave it out.`);
  if (o.decayToward === 'base' && o.method.movesBase)
    throw new Error(`expected decay toward zero where ${o.method.name} trains the base itself, got base: leave it out.`);
  if (typeof o.lr !== 'number' && !o.method.rates)
    throw new Error(`expected a learning rate for ${o.method.name}, which tries none, got ${o.lr ?? 'none'}: give one.`);
  o.method.check(model.decoder);
  const run = newRun(model, data, { ...o, recompute: o.recompute === 'on' }, report, signal);
  // a run that goes on has its rate
  run.trial = found?.rates || found?.step ? null : trialOf(run, o.method);
  if (run.trial) run.order.evaluate ??= evaluationOf(run.trial, o.batch);
  const kernels = found?.kernels ?? o.again?.kernels ?? o.life?.kernels;
  if (kernels) model.planning = planningOf(model.planning, { choices: kernels });
  else if (o.autotune) {
    model.planning = await withKernels(model, run.order.sizes, o.method, { cache: o.cache });
    await read(model.gpu.memory, model.decoder.norm.value); // what a device measured that was lost meanwhile is nothing
  }
  if (o.life) o.life.kernels = model.planning.choices;
  const { recompute, shown } = settleRecompute(model.decoder, o.method, { ...run.options, ...run.order }, model.planning, o);
  if (shown) report({ kind: 'note', text: shown });
  return { ...run, options: { ...run.options, recompute } };
}

/** Made when it is first asked for. */
function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}

/** Options that decide figures and are compared as they stand. */
const DECIDING = [
  ...(['steps', 'epochs', 'batch', 'accumulate', 'seed', 'lr', 'schedule', 'lrWarmup', 'betas', 'eps'] as const),
  ...(['weightDecay', 'clip', 'optimizer', 'muonScale', 'evalEvery', 'patience'] as const),
];

/** What decides the figures of a run beside its model and rows, by the names of the options. */
export function settingsOf({ model, options }: Pick<Run, 'model' | 'options'>, method: Method) {
  const { targets, ...own } = method.settings as { targets?: readonly string[] };
  const formats = parametersOf(model.decoder).flatMap((w) => ('windows' in w ? [w.format] : []));
  return plainSettings({
    method: method.name,
    ...own,
    targets: targets?.map(shortName),
    base: [...new Set(formats)],
    arithmetic: model.planning.half ? 'f16' : 'f32',
    ...Object.fromEntries(DECIDING.map((name) => [name, options[name]])),
    decayToward: options.decayToward === 'base' ? 'base' : null, // runs from before there was a choice say nothing of it
    noShuffle: !options.shuffle || null,
    recompute: options.recompute ? 'on' : 'off',
  });
}

/** A module as targets are named: q of q_proj. */
const shortName = (module: string) => module.replace(/_proj$/, '');
