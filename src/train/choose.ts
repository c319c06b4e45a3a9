// Choosing blocks: budget and block edge from the options, scores from a warm-up or the weights, the best of each group.

import type { Row } from '../data/rows.ts';
import { trainedBlocks } from '../methods/smt/blocks.ts';
import type { Amount, Budgets } from '../methods/smt/budget.ts';
import { blockCount, blockEdge, byRank, chooseBlocks, type Selection, type Target } from '../methods/smt/select.ts';
import type { Line, Report } from '../report.ts';
import { attach, boundSelection, matrixParameters, targetsOf } from './attach.ts';
import { fullWarmup } from './full-warmup.ts';
import type { Model } from './model.ts';
import type { TuneOptions } from './options.ts';
import type { Layout } from './order.ts';
import { planTraining } from './plans.ts';
import { scoreMaps } from './scores.ts';

export interface Chosen extends Selection {
  /** Scores of every block of the targets, by weight name. */
  maps: Map<string, Float32Array>;
}

/** The best blocks within the budget. After a frozen warm-up the device is as it was; after a full one the model has moved. */
export async function choose(
  model: Model,
  rows: Row[],
  o: TuneOptions,
  run: Layout,
  report: Report,
  signal?: AbortSignal,
): Promise<Chosen> {
  const targets = targetsOf(model.decoder, o.targets);
  const block = blockEdge(targets, o.block);
  const groups = groupsOf(targets, o.budgets).map((g) => ({
    ...g,
    count: blockCount(g.budget, block, g.targets, matrixParameters(model.decoder)),
  }));
  const count = groups.reduce((n, g) => n + g.count, 0);
  announce(model, o, run, targets, block, count, report);
  const full = o.warmup === 'full' && o.select === 'gradient';
  const maps = await (full
    ? fullWarmup(model, { rows }, o, run, targets, block, report, signal)
    : scoreMaps(model, rows, o, targets, block, run, report, signal));
  const blocks = groups.flatMap((g) => chooseBlocks(g.targets, maps, block, g.count, o.spread)).sort(byRank(targets));
  return { block, blocks, maps };
}

/** One budget for all targets, or one for the attention's and one for the MLP's. */
export function groupsOf(targets: Target[], budgets: Budgets): { targets: Target[]; budget: Amount }[] {
  if ('all' in budgets) return [{ targets, budget: budgets.all }];
  const groups = (['attn', 'mlp'] as const).flatMap((name) => {
    const budget = budgets[name];
    if (!budget) return [];
    const own = targets.filter((t) => /^[qkvo]_proj$/.test(t.module) === (name === 'attn'));
    if (!own.length)
      throw new Error(
        `expected --targets with matrices of ${name}, for which --budget has a share, got none: name some, or leave ${name} out.`,
      );
    return [{ targets: own, budget }];
  });
  return groups;
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
  const matrices = attach(model, boundSelection(targets, block, count), true);
  const trained = trainedBlocks(matrices, o.weightDecay > 0);
  const phase = planTraining(model.decoder, trained, run.sizes, o, model.planning, run.evaluate);
  for (const { weight } of matrices) weight.trains = null;
  report({ kind: 'plan', program: 'train', bytes: phase.plan.bytes, trainable: count * block * block, bound: true });
}

/** The line that tells of a selection; shares are fractions of the 2-D parameters. */
export function selectionLine(model: Model, o: TuneOptions, { block, blocks }: Selection): Extract<Line, { kind: 'selection' }> {
  const trainable = blocks.length * block * block;
  const inTargets = targetsOf(model.decoder, o.targets).reduce((n, t) => n + t.rows * t.cols, 0);
  const share_model = trainable / matrixParameters(model.decoder);
  return { kind: 'selection', block, blocks, share_model, share_targets: trainable / inTargets, trainable };
}
