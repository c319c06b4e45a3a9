// The verb `plan`: the memory of a run by category and the cost of its steps by count, by the same planning functions as the run
// itself. No GPU is opened (but by --device) and no weight is read: a config is enough. Where the choice is not made yet the figures
// are an upper bound.

import { gpuNamed } from '../gpus.ts';
import { openPlace } from '../io/bytes.ts';
import { openConfig } from '../io/model.ts';
import { parametersOf } from '../models/decoder.ts';
import { type Settled, withDefaults } from '../options/table.ts';
import {
  closeGpu,
  DESKTOP,
  type DecoderFor,
  decodeCost,
  decoderFor,
  evaluationIn,
  longestOf,
  METHODS,
  type Method,
  type OpenModel,
  openGpu,
  openModel,
  orderRows,
  type Planning,
  type PlanOptions,
  planningOf,
  runBytes,
  trainingCost,
  trainingFigures,
  warmupCost,
  warmupFigures,
  weighRecompute,
  withKernels,
} from '../parts.ts';
import type { Line, Report, StepFigures } from '../report.ts';
import { builtIn } from './built-in.ts';
import { openFiles, openRows } from './open.ts';
import { readSelection } from './selection.ts';
import { methodFrom, tuneOptions } from './settings.ts';
import type { Task } from './task.ts';

/** What is planned: a decoder stored as `base` with positions for rows of so many tokens, on a device with these limits. */
export interface Subject {
  name: string;
  decoder: DecoderFor;
}

/** The largest batches of a run, and for people what they are. */
interface Extent {
  sizes: PlanOptions['sizes'];
  /** Of the rows that judge rates, where the run would try some. */
  evaluate?: PlanOptions['sizes'];
  longest: number;
  shown: string;
}

/** One plan line for each program of the run: training, and the warm-up before it where there is one. */
export async function planVerb({ o, report, cache }: Task): Promise<void> {
  const { subject, opened } = await openSubject(o, report);
  try {
    const method = methodFrom(o, { selection: o.selection ? await readSelection(o.selection) : undefined });
    const extent = opened && o.data ? await extentOf(o, opened, method, report) : longestRows(o);
    report({ kind: 'note', text: `${subject.name}: ${parameterCount(subject)} parameters, ${extent.shown}` });
    if (o.table) return table(subject, o, extent, report);
    const planning = o.given.device === undefined ? DESKTOP : await planningAtHand(subject, o, extent, method, report, cache);
    planOf(subject, o, extent, method, planning, report);
  } finally {
    await opened?.files.close();
  }
}

function planOf(s: Subject, o: Settled, extent: Extent, method: Method, planning: Planning, report: Report): void {
  const decoder = () => s.decoder(extent.longest, baseOf(o, method), planning.maxBinding);
  const options = (recompute: boolean): PlanOptions => ({ ...tuneOptions(o, method), ...extent, recompute });
  const { recompute, shown, fault } = weighRecompute(o, (again) => runBytes(decoder(), method, options(again), planning));
  if (shown) report({ kind: 'note', text: shown });
  const train = (again: boolean): Line => ({
    kind: 'plan',
    program: 'train',
    ...trainingFigures(decoder(), method, options(again), planning),
    recompute: again,
  });
  report(train(recompute));
  const before = warmupFigures(decoder(), method, options(recompute), planning);
  if (before) report({ kind: 'plan', program: 'warmup', ...before, recompute });
  report(train(!recompute)); // what it would be otherwise
  if (o.cost || o.gpu) {
    const speed = o.gpu === undefined ? undefined : gpuNamed(o.gpu);
    const line = (program: string, figures: StepFigures | null) =>
      figures && report({ kind: 'cost', program, ...(speed && { gpu: speed.name }), ...figures });
    line('warmup', warmupCost(decoder(), method, options(recompute), planning, speed));
    line('train', trainingCost(decoder(), method, options(recompute), planning, speed));
    line('decode', decodeCost(decoder(), extent.longest, planning, speed));
  }
  if (fault) throw fault;
}

/** Where the base itself trains, if only in a warm-up, there are f32 masters. */
const baseOf = (o: Settled, method: Method): Settled['base'] => (method.movesBase ? 'f32' : o.base);

/** The planning of a run on the adapter that is asked for, its kernels chosen as the run chooses them. */
async function planningAtHand(
  s: Subject,
  o: Settled,
  { sizes, longest }: Extent,
  method: Method,
  report: Report,
  cache: Task['cache'],
): Promise<Planning> {
  const gpu = await openGpu({ device: o.device });
  report({ kind: 'device', name: gpu.name, software: gpu.software });
  try {
    const planning = planningOf(gpu.limits);
    if (o.tune === 'off') return planning;
    const decoder = s.decoder(longest, baseOf(o, method), planning.maxBinding);
    return await withKernels({ gpu, planning, decoder }, sizes, method, { cache });
  } finally {
    closeGpu(gpu);
  }
}

// --- the table of methods by budgets ----------------------------------------------------------------------------------

/** Shares of the targets that the paper's guide lists. */
const BUDGETS = ['50%t', '30%t', '10%t', '5%t', '1%t'];

function table(s: Subject, o: Settled, extent: Extent, report: Report): void {
  const cell = ({ name, takes }: (typeof METHODS)[number], budget: string | null): Line => {
    const run = withDefaults({ ...o.given, method: name, budget: budget ?? o.budget });
    const method = methodFrom(run);
    const decoder = s.decoder(extent.longest, baseOf(run, method), DESKTOP.maxBinding);
    const options = { ...tuneOptions(run, method), ...extent, recompute: o.recompute === 'on' };
    const figures = trainingFigures(decoder, method, options, DESKTOP);
    const rank = takes.includes('rank') && { rank: o.rank };
    return { kind: 'plan', program: 'train', ...figures, method: name, budget, ...rank };
  };
  const budgets = BUDGETS.includes(o.budget) ? BUDGETS : [...BUDGETS, o.budget];
  for (const kind of METHODS)
    for (const budget of kind.takes.includes('budget') ? budgets : [null])
      try {
        report(cell(kind, budget));
      } catch (e) {
        // a small model has no block for a small budget: the other columns stand all the same
        report({ kind: 'note', text: `${[kind.name, budget].filter(Boolean).join(' ')} is left out: ${(e as Error).message}` });
      }
}

// --- what is opened ---------------------------------------------------------------------------------------------------

/** The model where its weights and tokenizer are there, else its config alone, every matrix stored as the config says. */
async function openSubject(o: Settled, report: Report): Promise<{ opened?: OpenModel; subject: Subject }> {
  const where = o.model ?? builtIn('model');
  if (o.data || (await isWhole(where, o.hub))) {
    const opened = await (o.data ? openFiles(o, where, report) : openModel(where, { hub: o.hub }));
    return { opened, subject: { name: opened.files.name, decoder: decoderFor(opened.files) } };
  }
  return { subject: { name: where, decoder: decoderFor(await openConfig(where, { hub: o.hub })) } };
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

/** Without data the largest micro-batch there may be: every row as long as allowed, every token but its first a target. */
function longestRows({ batch, maxLength }: Settled): Extent {
  const sizes = { N: batch * maxLength, M: batch * (maxLength - 1) };
  return { sizes, longest: maxLength, shown: `micro-batches of ${batch} x ${maxLength} tokens, all learned` };
}

/** Those of an epoch over the data, as the run would go over it. */
async function extentOf(o: Settled, opened: OpenModel, method: Method, report: Report): Promise<Extent> {
  const { rows } = await openRows(o, opened, o.data!, report);
  const order = orderRows(rows, { ...o, shuffle: !o.noShuffle });
  const { sizes } = order;
  const evaluate = evaluationIn({ rows, order, options: o }, method);
  const shown = `micro-batches of at most ${sizes.N} tokens, ${sizes.M} of them learned`;
  return { sizes, evaluate, longest: longestOf(rows), shown };
}

function parameterCount({ decoder }: Subject): string {
  const n = parametersOf(decoder(1, 'keep', DESKTOP.maxBinding)).reduce(
    (k, w) => k + ('windows' in w ? w.rows * w.cols : w.value.shape[0]),
    0,
  );
  const [unit, name] = n >= 1e9 ? [1e9, ' billion'] : n >= 1e6 ? [1e6, ' million'] : [1e3, ' thousand'];
  return `${(n / unit).toPrecision(3)}${name}`;
}
