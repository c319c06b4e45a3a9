// One training run as a story: load, plan, warm up, score, select, train, evaluate.
// Hosts (command line, page) turn flags or forms into options and print the report's lines; saving is tune/save.ts.

import { batches, largestBatch, stepsOf } from './data/batches.ts';
import { targetsOf as countTargets } from './data/load.ts';
import type { Row } from './data/rows.ts';
import { type Likelihood, scoreRows, sizesOf, summary } from './eval/likelihood.ts';
import { dispose, prepare } from './gpu/run.ts';
import { allocate, write } from './gpu/tensor.ts';
import { trainAll } from './methods/full.ts';
import { fillBlocks, type SparseMatrix, trainedBlocks } from './methods/smt/blocks.ts';
import { blockCount, blockEdge, chooseBlocks, type Selection, type Target } from './methods/smt/select.ts';
import { homesOfModel, parametersOf } from './models/decoder.ts';
import type { Trained } from './ops/adamw.ts';
import { lrAt, warmupSteps } from './schedule.ts';
import { attach, boundSelection, matrixParameters, targetsOf } from './tune/attach.ts';
import { baseBlocks, type Model } from './tune/load.ts';
import type { TuneOptions } from './tune/options.ts';
import { planTraining, type Sizes } from './tune/plans.ts';
import type { Line, Report } from './tune/report.ts';
import { type Ran, train } from './tune/train.ts';
import { warmUp } from './tune/warmup.ts';

export interface TuneData {
  rows: Row[];
  /** Held-out rows, for the loss during the run. */
  held?: Row[];
}

export interface Tuned extends Ran {
  /** The chosen blocks and their trained differences (smt). */
  selection: Selection | null;
  matrices: SparseMatrix[];
}

/** Trains a loaded model on rows. The result stays on the device, attached to the model; the base bytes are never written by smt. */
export async function tune(model: Model, data: TuneData, o: TuneOptions, report: Report, signal?: AbortSignal): Promise<Tuned> {
  const run = layOut(data, o);
  if (o.method === 'full') {
    const ran = await trainPhase(model, data, o, run, trainAll(parametersOf(model.decoder)), [], report, signal);
    return { ...ran, selection: null, matrices: [] };
  }
  const targets = targetsOf(model.decoder, o.targets);
  const selection = o.selection ?? (await choose(model, data.rows, o, targets, run, report, signal));
  report(selectionLine(model, targets, selection));
  const matrices = attach(model, selection, true);
  const ran = await trainPhase(model, data, o, run, trainedBlocks(matrices, o.weightDecay > 0), matrices, report, signal);
  return { ...ran, selection, matrices };
}

/** Warms up with frozen weights and chooses the best blocks; answers the line that says which. */
export async function select(
  model: Model,
  rows: Row[],
  o: TuneOptions,
  report: Report,
  signal?: AbortSignal,
): Promise<Extract<Line, { kind: 'selection' }>> {
  const targets = targetsOf(model.decoder, o.targets);
  return selectionLine(model, targets, await choose(model, rows, o, targets, layOut({ rows }, o), report, signal));
}

/** Leaves the device as it was. */
async function choose(
  model: Model,
  rows: Row[],
  o: TuneOptions,
  targets: Target[],
  run: Layout,
  report: Report,
  signal?: AbortSignal,
): Promise<Selection> {
  const block = blockEdge(targets, o.block);
  const count = blockCount(o.budget, block, targets, matrixParameters(model.decoder));
  announce(model, o, run, targets, block, count, report);
  const steps = Math.min(o.warmupSteps, run.microBatches);
  if (steps < o.warmupSteps)
    report({
      kind: 'note',
      text: `the data gives ${steps} micro-batches, so the warm-up takes ${steps} steps instead of ${o.warmupSteps}`,
    });
  const { gpu, decoder } = model;
  const scores = await warmUp(
    { gpu, decoder, rows, order: run.order, steps, sizes: run.sizes, targets, block, recompute: o.recompute, signal },
    report,
  );
  return { block, blocks: chooseBlocks(targets, scores, block, count, o.spread) };
}

interface Layout {
  order: ReturnType<typeof batches>;
  steps: number;
  sizes: Sizes;
  /** Micro-batches of one epoch. */
  microBatches: number;
}

/** Batches, steps and the largest sizes of a run, from the rows' lengths alone. */
function layOut({ rows }: TuneData, o: TuneOptions): Layout {
  const order = batches({ n_rows: rows.length, batch: o.batch, accumulate: o.accumulate, shuffle: o.shuffle, seed: o.seed });
  const steps = stepsOf(order, o);
  const lengths = rows.map((r) => ({ tokens: r.ids.length, targets: countTargets(r) }));
  const most = largestBatch(lengths, order, Math.max(steps, order.steps_per_epoch));
  return { order, steps, sizes: { N: most.tokens, M: most.targets }, microBatches: Math.ceil(rows.length / o.batch) };
}

/** Prints what training will need, before the blocks are known: an upper bound. */
function announce(
  model: Model,
  o: TuneOptions,
  run: Layout,
  targets: Target[],
  block: number,
  count: number,
  report: Report,
): void {
  const spread = boundSelection(targets, block, count);
  const matrices = attach(model, spread, true);
  const phase = planTraining(model.decoder, trainedBlocks(matrices, o.weightDecay > 0), run.sizes, o, model.gpu.limits);
  for (const { weight } of matrices) weight.trains = null;
  report({ kind: 'plan', program: 'train', bytes: phase.plan.bytes, trainable: count * block * block, bound: true });
}

async function trainPhase(
  model: Model,
  { rows, held }: TuneData,
  o: TuneOptions,
  run: Layout,
  trained: Trained[],
  matrices: SparseMatrix[],
  report: Report,
  signal?: AbortSignal,
): Promise<Ran> {
  const { gpu, decoder } = model;
  const phase = planTraining(decoder, trained, run.sizes, o, gpu.limits, held && sizesOf(held, o.batch));
  const trainable = trained.reduce((n, t) => n + t.value.shape.reduce((a, b) => a * b, 1), 0);
  report({ kind: 'plan', program: 'train', bytes: phase.plan.bytes, trainable, bound: false });
  const machine = await prepare(gpu, phase.plan);
  for (const t of trained) zero(model, t);
  for (const [i, m] of matrices.entries()) {
    fillBlocks(gpu.memory, m);
    if (trained[i].base) write(gpu.memory, trained[i].base, await baseBlocks(model, m));
  }
  const w = warmupSteps(o.lrWarmup, run.steps);
  const heldOut = held ? { rows: held, l: { machine, stream: phase.stream, sizes: sizesOf(held, o.batch) } } : undefined;
  report({ kind: 'start', phase: 'train', total: run.steps });
  const told = new Set<string>();
  const remember = (program: string) => {
    if (!told.has(program)) report({ kind: 'memory', program, planned: phase.plan.bytes.total, allocated: gpu.memory.bytes });
    told.add(program);
  };
  const ran = await train(
    {
      gpu,
      machine,
      phase,
      rows,
      order: run.order,
      steps: run.steps,
      lrAt: (t) => lrAt(t, run.steps, o.lr, o.schedule, w),
      sorted: o.method === 'full',
      signal,
    },
    (line: Line) => {
      report(line);
      if (line.kind === 'step') remember('train');
    },
  );
  if (heldOut) {
    report(await evaluate(model, heldOut.l, heldOut.rows, o.batch, ran.steps));
    remember('eval');
  }
  const keep = new Set([...homesOfModel(decoder), ...matrices.flatMap(({ set }) => [set.delta.home!, set.lists.home!])]);
  dispose(machine, (h) => !keep.has(h));
  return ran;
}

async function evaluate(model: Model, l: Likelihood, rows: Row[], batch: number, step: number): Promise<Line> {
  return { kind: 'eval', step, ...summary(await scoreRows(model.gpu, l, rows, batch)) };
}

function zero({ gpu }: Model, t: Trained): void {
  for (const x of [t.m, t.v]) {
    allocate(gpu.memory, x.home!);
    write(gpu.memory, x, new Uint8Array(x.bytes));
  }
}

function selectionLine(model: Model, targets: Target[], { block, blocks }: Selection): Extract<Line, { kind: 'selection' }> {
  const trainable = blocks.length * block * block;
  const inTargets = targets.reduce((n, t) => n + t.rows * t.cols, 0);
  return {
    kind: 'selection',
    block,
    blocks,
    share_model: trainable / matrixParameters(model.decoder),
    share_targets: trainable / inTargets,
    trainable,
  };
}
