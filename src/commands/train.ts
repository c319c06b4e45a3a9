// The verb `train`: open, load, train, save. What a run is, is the library's business; what was asked for is settings.ts's.

import { holdOut, parseHeldOut } from '../data/split.ts';
import { checkWritable, type FileToWrite, writeFolder } from '../io/write.ts';
import type { Settled } from '../options/table.ts';
import {
  type Again,
  CHECKPOINTS,
  checkAdapterBase,
  checkSavable,
  loadAdapter,
  longestOf,
  type Model,
  type OpenModel,
  type Row,
  resultFiles,
  type TuneData,
  tune,
} from '../parts.ts';
import type { Report } from '../report.ts';
import { builtIn } from './built-in.ts';
import { onGpu, openFiles, openRows } from './open.ts';
import { type Receipt, withReceipt } from './receipt.ts';
import { readSelection } from './selection.ts';
import { adopt, methodFrom, tuneOptions } from './settings.ts';
import type { Task } from './task.ts';

/** A run that has ended, its model still on the device. */
export interface Ran {
  model: Model;
  steps: number;
  /** What it leaves, its receipt among them; null where nothing trained. `receipt` is there once they have been read. */
  files: FileToWrite[] | null;
  receipt?: Receipt;
  /** Writes them where `out` says, if it does. */
  write(): Promise<void>;
}

/** A run to be made again, and after how many steps it ends. */
export type Replayed = Again & { until: number };

export const trainVerb = (task: Task): Promise<void> => trained(task, (ran) => ran.write());

/** Trains as the options say; `end` has the result before it is freed. again: another run's, which it must be the same as. */
export async function trained<T>(task: Task, end: (ran: Ran) => Promise<T>, again?: Replayed): Promise<T> {
  const { o: asked, report, signal, cache } = task;
  const adapter = asked.adapter ? await loadAdapter(asked.adapter) : undefined;
  const o = adapter ? adopt(asked, adapter) : asked;
  const selection = o.selection ? await readSelection(o.selection) : undefined;
  const method = methodFrom(o, { adapter, selection });
  const place = { force: o.force || o.resume, beside: [CHECKPOINTS] };
  const dtype = o.dtype ?? 'f32';
  // whatever could fail after the long run fails before it
  if (o.out) await checkWritable(o.out, place);
  const opened = await openFiles(o, o.model ?? builtIn('model'), report);
  if (o.out) checkSavable(method, opened.files, dtype);
  tellDropout(opened.files.config.raw.attention_dropout, report);
  const data = await openTraining(o, opened, report);
  const longest = longestOf(data.rows, data.held, data.guard?.rows);
  const base = method.movesBase ? 'f32' : o.base;
  try {
    return await onGpu(o, { opened, longest, base }, report, async (model, life) => {
      const { report } = life;
      if (adapter) await checkAdapterBase(model, adapter, report);
      const options = { ...tuneOptions(o, method, cache), life, start: { adapter, selection }, again, until: again?.until };
      const { made, record, ...tuned } = await tune(model, data, options, report, signal);
      const nothing = !made || (signal.aborted && tuned.steps === 0);
      const files = nothing ? null : await resultFiles(model, made, dtype);
      const recorded = { given: o.given, record: record!, gpu: model.gpu, runtime: task.runtime };
      const ran: Ran = {
        model,
        steps: tuned.steps,
        files: files && withReceipt(files, recorded, (receipt) => (ran.receipt = receipt)),
        async write() {
          if (nothing) report({ kind: 'warning', text: 'stopped before the first training step: nothing was saved' });
          const out = (ran.files && o.out) ?? null;
          if (out) {
            report({ kind: 'start', phase: 'save', total: 1 });
            await writeFolder(out, ran.files!, place);
          }
          const { steps, seconds, inputTokens } = tuned;
          const tokens_per_second = inputTokens / Math.max(1e-9, seconds);
          report({ kind: 'done', out, steps, seconds, tokens_per_second, made: method.movesBase ? 'model' : 'adapter' });
        },
      };
      return end(ran);
    });
  } finally {
    await opened.files.close();
  }
}

/** Rows to train on, rows held out of them or in a file of their own, and the guard's. */
async function openTraining(o: Settled, opened: OpenModel, report: Report): Promise<TuneData> {
  const all = (await openRows(o, opened, o.data ?? [builtIn('task/train.jsonl')], report)).rows;
  const guard = o.guard ? { name: o.guard, rows: (await openRows(o, opened, [o.guard], report)).rows } : undefined;
  return { ...(await heldOut(all, o, opened, report)), guard };
}

/** The rows without those that are held out, which are a share of them or in a file. */
export async function heldOut<R extends Row>(
  rows: R[],
  o: Settled,
  opened: OpenModel,
  report: Report,
): Promise<{ rows: R[]; held?: Row[] }> {
  if (o.eval === undefined) return { rows };
  const asked = parseHeldOut(o.eval);
  if ('file' in asked) return { rows, held: (await openRows(o, opened, [asked.file], report)).rows };
  const { train, held } = holdOut(rows.length, asked.share, o.seed);
  report({ kind: 'note', text: `${held.length} of ${rows.length} rows are held out` });
  return { rows: train.map((i) => rows[i]), held: held.map((i) => rows[i]) };
}

/** transformers' Trainer applies it where it is not 0, as that of no published model of these families is. */
function tellDropout(share: unknown, report: Report): void {
  if (typeof share === 'number' && share > 0)
    report({
      kind: 'warning',
      text: `attention_dropout ${share} of config.json is not applied: training sees what answering sees`,
    });
}
