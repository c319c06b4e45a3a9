// The verb `plan`: the memory of a run by category, by the same planning functions as the run itself. No GPU is opened and no
// weight is read: a config is enough. Where the selection is not known yet the figures are an upper bound.

import { type Planning, planningOf } from '../gpu/limits.ts';
import type { Bytes } from '../gpu/plan.ts';
import type { Build } from '../gpu/program.ts';
import { elementsOf } from '../gpu/tensor.ts';
import { openPlace } from '../io/bytes.ts';
import { type ModelFiles, openConfig, openModel } from '../io/model.ts';
import { trainAll } from '../methods/full.ts';
import { rescale, trainedFactors } from '../methods/lora.ts';
import { trainedBlocks } from '../methods/smt/blocks.ts';
import { blockCount, blockEdge, type Selection, type Target } from '../methods/smt/select.ts';
import type { ModelConfig } from '../models/config.ts';
import { type Decoder, type Module, matrixShape, newDecoder, parametersOf } from '../models/decoder.ts';
import type { Trained } from '../ops/optimizer/adamw.ts';
import { newStream } from '../ops/stream/stream.ts';
import { METHODS, type Settled } from '../options/table.ts';
import type { Line, Report } from '../report.ts';
import { attach, boundSelection, matrixParameters, targetsOf } from '../train/attach.ts';
import { groupsOf } from '../train/choose.ts';
import { planFullWarmup } from '../train/full-warmup.ts';
import { rankedMatrices, rankingOf } from '../train/lowrank.ts';
import { type Base, describe, deviceFormat, type Model } from '../train/model.ts';
import { type TuneOptions, tuneOptions } from '../train/options.ts';
import { layOut } from '../train/order.ts';
import { planTraining, type Sizes } from '../train/plans.ts';
import { settleRecompute, weighRecompute } from '../train/recompute.ts';
import { hangInputs, hangScorers } from '../train/scores.ts';
import { readSelection } from '../train/selection.ts';
import type { TuneData } from '../train/session.ts';
import { planWarmup } from '../train/warmup.ts';
import { builtIn } from './built-in.ts';
import { type Opened, openFiles, openRows } from './open.ts';
import type { Task } from './task.ts';

/**
 * The limits of a real desktop GPU: its drivers offer storage bindings of 2 GiB less one word (WebGPU's own default of 128 MiB
 * is for the smallest phones). The limit only decides how many windows a large matrix is cut into, hardly the bytes.
 */
export const DESKTOP = planningOf({ maxBinding: 2 ** 31 - 4, maxBuffer: 2 ** 31 - 4, software: false, subgroups: 0 });

/** What is planned. */
export interface Subject {
  name: string;
  /** Of the device, where there is one. */
  planning?: Planning;
  /** A fresh decoder for rows of at most `positions` tokens; what trains is attached to it, so every plan takes its own. */
  decoder(positions: number, base: Base): Decoder;
}

interface Rows {
  sizes: Sizes;
  /** The largest batch of evaluation during the run. */
  evaluate?: Sizes;
  positions: number;
  shown: string;
}

/** One plan line for each program of the run: training, and the warm-up before it where there is one. */
export async function planVerb({ o, report }: Task): Promise<void> {
  const { files, subject, opened } = await openSubject(o, report);
  try {
    const rows = opened ? await rowsOfData(o, opened, report) : longestRows(o);
    report({ kind: 'note', text: `${subject.name}: ${parameterCount(subject)} parameters, ${rows.shown}` });
    if (o.table) return table(subject, o, rows, report);
    const selection = o.selection ? await readSelection(o.selection) : undefined;
    const asked = { ...tuneOptions(o), selection };
    const bytesOf = (again: boolean) => runBytes(subject, o.base, rows, { ...asked, recompute: again });
    const { recompute, shown, fault } = weighRecompute(o, bytesOf);
    if (shown) report({ kind: 'note', text: shown });
    const run = { ...asked, recompute };
    const train = (again: boolean): Line => ({
      kind: 'plan',
      program: 'train',
      ...trainingPlan(subject, o.base, rows, { ...run, recompute: again }),
      recompute: again,
    });
    report(train(recompute));
    const before = warmupPlan(subject, o.base, rows, run);
    if (before) report({ kind: 'plan', program: 'warmup', ...before, recompute });
    report(train(!recompute)); // what it would be otherwise
    if (fault) throw fault;
  } finally {
    await files?.close();
  }
}

interface Figures {
  bytes: Bytes;
  trainable: number;
  bound: boolean;
}

/** Bytes of the training program, its update included. */
export function trainingPlan(subject: Subject, base: Base, rows: Rows, o: TuneOptions): Figures {
  const decoder = subject.decoder(rows.positions, inF32(o) ? 'f32' : base);
  const { trained, bound, after } = whatTrains(decoder, o);
  const { plan } = planTraining(decoder, trained, rows.sizes, o, subject.planning ?? DESKTOP, rows.evaluate, { after });
  return { bytes: plan.bytes, trainable: elements(trained), bound };
}

/** The settings of a run with layers kept or made again, as --recompute and --memory ask for on the device that it is on. */
export function withinMemory(
  o: Settled,
  { planning, files, decoder }: Model,
  { rows, held }: TuneData,
  run: TuneOptions,
  report: Report,
) {
  const [positions] = decoder.rope.shape;
  const subject: Subject = {
    name: files.name,
    planning,
    decoder: (n, base) => describe(files, n, base, planning.maxBinding),
  };
  const { sizes, evaluate } = layOut(rows, run, held);
  const measured: Rows = { sizes, evaluate, positions, shown: '' };
  const bytesOf = (again: boolean) => runBytes(subject, o.base, measured, { ...run, recompute: again });
  const { recompute, shown } = settleRecompute(o, bytesOf);
  if (shown) report({ kind: 'note', text: shown });
  return { ...run, recompute };
}

/** Bytes of the largest program of a run, warm-up included. */
export function runBytes(subject: Subject, base: Base, rows: Rows, o: TuneOptions): number {
  const warmup = warmupPlan(subject, base, rows, o)?.bytes.total ?? 0;
  return Math.max(warmup, trainingPlan(subject, base, rows, o).bytes.total);
}

/** Where everything trains, if only in the warm-up, there are f32 masters. */
const inF32 = (o: TuneOptions) => o.method === 'full' || o.warmup === 'full';

function whatTrains(decoder: Decoder, o: TuneOptions): { trained: Trained[]; bound: boolean; after?: Build } {
  if (o.method === 'full') return { trained: trainAll(parametersOf(decoder)), bound: false };
  if (o.method !== 'smt') {
    const matrices = rankedMatrices(decoder, rankingOf(o), true);
    return { trained: trainedFactors(matrices), bound: false, after: rescale(matrices) };
  }
  const selection = o.selection ?? boundFor(decoder, o);
  return { trained: trainedBlocks(attach({ decoder }, selection, true), o.weightDecay > 0), bound: !o.selection };
}

function boundFor(decoder: Decoder, o: TuneOptions): Selection {
  const { targets, block } = candidates(decoder, o);
  const all = matrixParameters(decoder);
  const n = groupsOf(targets, o.budgets).reduce((sum, g) => sum + blockCount(g.budget, block, g.targets, all), 0);
  return boundSelection(targets, block, n);
}

function candidates(decoder: Decoder, o: TuneOptions): { targets: Target[]; block: number } {
  const targets = targetsOf(decoder, o.targets);
  return { targets, block: blockEdge(targets, o.block) };
}

/** Bytes of the warm-up; null where the selection needs none. */
function warmupPlan(subject: Subject, base: Base, { sizes, positions }: Rows, o: TuneOptions): Figures | null {
  if (o.method !== 'smt' || o.selection || o.select === 'random' || o.select === 'magnitude') return null;
  const model = { decoder: subject.decoder(positions, inF32(o) ? 'f32' : base), planning: subject.planning ?? DESKTOP };
  const { targets, block } = candidates(model.decoder, o);
  if (o.warmup === 'full' && o.select === 'gradient') {
    const { phase, trained } = planFullWarmup(model, sizes, o, targets, block);
    return { bytes: phase.plan.bytes, trainable: elements(trained), bound: false };
  }
  const stream = newStream(sizes.N, sizes.M);
  const gathering = o.select === 'gradient' ? hangScorers(model, targets, block, o) : hangInputs(model, targets, stream);
  const { bytes } = planWarmup(model.decoder, { sizes, stream, recompute: o.recompute, ...gathering }, model.planning);
  return { bytes, trainable: 0, bound: false };
}

const elements = (trained: Trained[]) => trained.reduce((n, t) => n + elementsOf(t.value.shape), 0);

// --- the table of methods by budgets ----------------------------------------------------------------------------------

/** Shares of the targets that the paper's guide lists. */
const BUDGETS = ['50%t', '30%t', '10%t', '5%t', '1%t'];

function table(subject: Subject, o: Settled, rows: Rows, report: Report): void {
  const line = (method: Settled['method'], budget: string | null) => {
    const run = { ...o, method, budget: budget ?? o.budget };
    report({ kind: 'plan', program: 'train', ...trainingPlan(subject, o.base, rows, tuneOptions(run)), method, budget });
  };
  for (const method of METHODS)
    if (method !== 'smt') line(method, null);
    else for (const budget of BUDGETS.includes(o.budget) ? BUDGETS : [...BUDGETS, o.budget]) line(method, budget);
}

// --- what is opened ---------------------------------------------------------------------------------------------------

/** The model where its weights and tokenizer are there, else its config alone, every matrix stored as the config says. */
async function openSubject(o: Settled, report: Report): Promise<{ files: ModelFiles | null; opened?: Opened; subject: Subject }> {
  const where = o.model ?? builtIn('model');
  if (o.data || (await isWhole(where, o.hub))) {
    const opened = o.data ? await openFiles(o, where, report) : undefined;
    const files = opened?.files ?? (await openModel(where, { hub: o.hub }));
    const decoder = (positions: number, base: Base) => describe(files, positions, base, DESKTOP.maxBinding);
    return { files, opened, subject: { name: files.name, decoder } };
  }
  const config = await openConfig(where, { hub: o.hub });
  return { files: null, subject: { name: where, decoder: (positions, base) => bareDecoder(config, positions, base) } };
}

async function isWhole(where: string, hub: string): Promise<boolean> {
  const place = await openPlace(where, { hub });
  if ('source' in place) {
    await place.source.close();
    return !place.source.name.endsWith('.json');
  }
  const has = async (name: string) => {
    const file = await place.folder.file(name);
    await file?.close();
    return file !== undefined;
  };
  if (!(await has('config.json'))) return true; // a folder of one GGUF, or no model: openModel says which
  const weights = (await has('model.safetensors')) || (await has('model.safetensors.index.json'));
  return weights && (await has('tokenizer.json'));
}

function bareDecoder(c: ModelConfig, positions: number, base: Base): Decoder {
  const cols = (name: string) => {
    const module = name.match(/(\w+_proj)\.weight$/)?.[1];
    return module ? matrixShape(c, module as Module)[1] : c.hidden_size;
  };
  return newDecoder(c, positions, (name) => deviceFormat(c.dtype, cols(name), base), DESKTOP.maxBinding);
}

/** Without data the largest micro-batch there may be: every row as long as allowed, every token but its first a target. */
function longestRows(o: Settled): Rows {
  const sizes = { N: o.batch * o.maxLength, M: o.batch * (o.maxLength - 1) };
  return { sizes, positions: o.maxLength, shown: `micro-batches of ${o.batch} x ${o.maxLength} tokens, all learned` };
}

async function rowsOfData(o: Settled, opened: Opened, report: Report): Promise<Rows> {
  const { rows } = await openRows(o, opened, o.data!, report);
  const { sizes } = layOut(rows, tuneOptions(o));
  const positions = rows.reduce((n, r) => Math.max(n, r.ids.length), 1);
  return { sizes, positions, shown: `micro-batches of at most ${sizes.N} tokens, ${sizes.M} of them learned` };
}

function parameterCount({ decoder }: Subject): string {
  const n = parametersOf(decoder(1, 'keep')).reduce((k, w) => k + ('windows' in w ? w.rows * w.cols : w.value.shape[0]), 0);
  const [unit, name] = n >= 1e9 ? [1e9, ' billion'] : n >= 1e6 ? [1e6, ' million'] : [1e3, ' thousand'];
  return `${(n / unit).toPrecision(3)}${name}`;
}
