// One training run as a story: lay out, warm up, score, select, train.
// Hosts (command line, page) turn flags or forms into options and print the report's lines; saving is tune/save.ts.

import { write } from '../gpu/tensor.ts';
import type { SmtAdapter } from '../io/adapter.ts';
import { trainAll } from '../methods/full.ts';
import type { RankedMatrix } from '../methods/lora.ts';
import { fillBlocks, type SparseMatrix, trainedBlocks } from '../methods/smt/blocks.ts';
import type { Selection } from '../methods/smt/select.ts';
import { parametersOf } from '../models/decoder.ts';
import type { Report } from '../report.ts';
import { deltasOf, selectionOf } from './adapter.ts';
import { attach } from './attach.ts';
import { choose, selectionLine } from './choose.ts';
import { rankingOf, trainRanked } from './lowrank.ts';
import { baseBlocks, type Model } from './model.ts';
import type { TuneOptions } from './options.ts';
import { layOut } from './order.ts';
import { type Attached, type TuneData, trainPhase } from './session.ts';
import type { Ran } from './step.ts';

/** What a run came to: steps, tokens, seconds, and what was trained, which stays on the device. */
export interface Tuned extends Ran {
  /** The chosen blocks and their trained differences (smt). */
  selection: Selection | null;
  matrices: SparseMatrix[];
  /** The matrices with low-rank factors (lora, dora). */
  ranked: RankedMatrix[];
}

/**
 * Trains a loaded model on rows. What was trained stays on the device, attached to the model; smt never writes the base's bytes,
 * except in a full warm-up.
 */
export async function tune(model: Model, data: TuneData, o: TuneOptions, report: Report, signal?: AbortSignal): Promise<Tuned> {
  const run = layOut(data.rows, o, data.held);
  if (o.method === 'full') {
    const ran = await trainPhase(model, data, o, run, everything(model), report, signal);
    model.moved = true;
    return { ...ran, selection: null, matrices: [], ranked: [] };
  }
  if (o.method === 'lora' || o.method === 'dora') {
    const { matrices: ranked, attached } = trainRanked(model, rankingOf(o));
    const ran = await trainPhase(model, data, o, run, attached, report, signal);
    return { ...ran, selection: null, matrices: [], ranked };
  }
  const saved = o.adapter?.method === 'smt' ? o.adapter : undefined;
  const known = saved ? selectionOf(saved) : o.selection;
  const selection = known ?? (await choose(model, data.rows, o, run, report, signal));
  // stopped while it warmed up: there is nothing to train on, and nothing to save
  if (signal?.aborted && !known) return { steps: 0, inputTokens: 0, seconds: 0, selection: null, matrices: [], ranked: [] };
  report(selectionLine(model, o, selection));
  const matrices = attach(model, selection, true);
  const ran = await trainPhase(model, data, o, run, { ...blocks(model, matrices, o, saved), selection }, report, signal);
  return { ...ran, selection, matrices, ranked: [] };
}

function everything(model: Model): Attached {
  return { trained: trainAll(parametersOf(model.decoder)), fill: async () => {}, keep: [], sorted: true };
}

function blocks(model: Model, matrices: SparseMatrix[], o: TuneOptions, saved?: SmtAdapter): Attached {
  const trained = trainedBlocks(matrices, o.weightDecay > 0);
  return {
    trained,
    keep: matrices.flatMap(({ set }) => [set.delta.home!, set.lists.home!]),
    sorted: false,
    async fill() {
      for (const [i, m] of matrices.entries()) {
        fillBlocks(model.gpu.memory, m, saved && deltasOf(saved, m));
        const { base } = trained[i];
        if (base) write(model.gpu.memory, base, await baseBlocks(model, m));
      }
    },
  };
}
