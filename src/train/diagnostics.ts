// What a run teaches about itself beside its loss: how much each block moved, how steady the choice of blocks is, and what the
// model forgets. None of it changes the run.

import type { Row } from '../data/rows.ts';
import { planLikelihood, scoreRows, sizesOf, summary } from '../eval/likelihood.ts';
import { dispose, prepare } from '../gpu/run.ts';
import { read } from '../gpu/tensor.ts';
import type { SparseMatrix } from '../methods/smt/blocks.ts';
import type { Choice, Selection } from '../methods/smt/select.ts';
import type { Line, Report } from '../report.ts';
import { targetsOf } from './attach.ts';
import { choose } from './choose.ts';
import type { Model } from './model.ts';
import type { TuneOptions } from './options.ts';
import type { Layout } from './order.ts';

// --- how much each block moved ------------------------------------------------------------------------------------------

/** A block and its share (0 to 1) of the squared norm of the whole update. */
export interface Moved extends Omit<Choice, 'score'> {
  share: number;
}

/** The Frobenius norm of all trained differences, and each block's share of its square; blocks as the selection orders them. */
export async function blocksUpdate(
  { gpu }: Model,
  selection: Selection,
  matrices: SparseMatrix[],
): Promise<Extract<Line, { kind: 'blocks_update' }>> {
  const squares = new Map<string, number>();
  for (const { weight, set } of matrices) {
    const delta = await read(gpu.memory, set.delta);
    const size = set.b * set.b;
    for (let n = 0; n < set.index.length / 2; n++) {
      let sum = 0;
      for (let i = n * size; i < (n + 1) * size; i++) sum += delta[i] * delta[i];
      squares.set(`${weight.name} ${set.index[2 * n]} ${set.index[2 * n + 1]}`, sum);
    }
  }
  const whole = [...squares.values()].reduce((a, b) => a + b, 0);
  const names = new Map(matrices.map(({ weight }) => [placeOf(weight.name), weight.name]));
  const blocks = selection.blocks.map(({ layer, module, row, col }) => {
    const square = squares.get(`${names.get(`${layer} ${module}`)} ${row} ${col}`) ?? 0;
    return { layer, module, row, col, share: whole ? square / whole : 0 };
  });
  return { kind: 'blocks_update', norm: Math.sqrt(whole), blocks };
}

/** "3 q_proj" of model.layers.3.self_attn.q_proj.weight. */
function placeOf(name: string): string {
  const parts = name.split('.');
  return `${parts[2]} ${parts.at(-2)}`;
}

// --- how steady the choice is -------------------------------------------------------------------------------------------

/** Blocks that two selections share, as a share of the smaller one. */
export function overlap(one: Selection, other: Selection): number {
  const key = ({ layer, module, row, col }: Choice) => `${layer} ${module} ${row} ${col}`;
  const have = new Set(one.blocks.map(key));
  const common = other.blocks.filter((b) => have.has(key(b))).length;
  return common / Math.max(1, Math.min(one.blocks.length, other.blocks.length));
}

/**
 * The two halves of a warm-up of so many micro-batches, each laid out as a run of its own over the same sizes. They meet no
 * row twice within an epoch, so what their choices agree in is not the rows' doing.
 */
export function halves(run: Layout, steps: number): { first: Layout; second: Layout; steps: number } {
  const half = Math.floor(steps / 2);
  const micro = microBatches(run, 2 * half);
  const from = (start: number): Layout => ({
    ...run,
    order: { ...run.order, accumulate: 1, step: (t) => [micro[start + (t % half)]] },
    microBatches: half,
  });
  return { first: from(0), second: from(half), steps: half };
}

/** Chooses by either half of the warm-up alone, and tells in how many blocks they agree with each other and with the whole's choice. */
export async function stability(
  model: Model,
  rows: Row[],
  o: TuneOptions,
  run: Layout,
  whole: Selection,
  signal?: AbortSignal,
): Promise<Extract<Line, { kind: 'stability' }>> {
  const split = halves(run, Math.min(o.warmupSteps, run.microBatches));
  if (split.steps < 1)
    throw new Error('expected a warm-up of at least 2 steps for --stability, got 1: give more data, or a smaller --batch');
  const choices: Selection[] = [];
  for (const half of [split.first, split.second])
    choices.push(await choose(model, rows, { ...o, warmupSteps: split.steps }, half, () => {}, signal));
  const [one, other] = choices;
  const all = targetsOf(model.decoder, o.targets).reduce((n, t) => n + (t.rows * t.cols) / whole.block ** 2, 0);
  return {
    kind: 'stability',
    steps: split.steps,
    halves: overlap(one, other),
    whole: [overlap(whole, one), overlap(whole, other)],
    by_chance: whole.blocks.length / all,
  };
}

function microBatches({ order }: Layout, count: number): number[][] {
  const all: number[][] = [];
  for (let t = 0; all.length < count; t++) for (const batch of order.step(t)) all.push(batch);
  return all.slice(0, count);
}

// --- what the model forgets ---------------------------------------------------------------------------------------------

/** Loss of rows by the model as it stands on the device; its own memory is freed again. */
export async function lossOf({ gpu, decoder, planning }: Model, rows: Row[], batch: number): Promise<ReturnType<typeof summary>> {
  const sizes = sizesOf(rows, batch);
  const { plan, stream } = planLikelihood(decoder, sizes, planning);
  const machine = await prepare(gpu, plan);
  try {
    return summary(await scoreRows(gpu, { machine, stream, sizes }, rows, batch));
  } finally {
    dispose(machine);
  }
}

/** The forgetting meter: reports the loss of a second data set at a step, by its name. */
export async function guardLoss(model: Model, guard: { name: string; rows: Row[] }, batch: number, step: number, report: Report) {
  const found = await lossOf(model, guard.rows, batch);
  report({ kind: 'eval', step, ...found, guard: guard.name });
  return found;
}
