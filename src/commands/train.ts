// The verb `train`: open, load, train, save. What a run is, is the library's business; what was asked for is settings.ts's.

import { holdOut, parseHeldOut } from '../data/split.ts';
import { checkWritable, writeFolder } from '../io/write.ts';
import type { Settled } from '../options/table.ts';
import {
  CHECKPOINTS,
  checkAdapterBase,
  checkSavable,
  closeGpu,
  loadAdapter,
  longestOf,
  type OpenModel,
  type Row,
  resultFiles,
  type TuneData,
  tune,
} from '../parts.ts';
import type { Report } from '../report.ts';
import { builtIn } from './built-in.ts';
import { openFiles, openOnGpu, openRows } from './open.ts';
import { readSelection } from './selection.ts';
import { adopt, methodFrom, tuneOptions } from './settings.ts';
import type { Task } from './task.ts';

export async function trainVerb({ o: asked, report, signal, cache }: Task): Promise<void> {
  const adapter = asked.adapter ? await loadAdapter(asked.adapter) : undefined;
  const o = adapter ? adopt(asked, adapter) : asked;
  const method = methodFrom(o, { adapter, selection: o.selection ? await readSelection(o.selection) : undefined });
  const place = { force: o.force || o.resume, beside: [CHECKPOINTS] };
  const dtype = o.dtype ?? 'f32';
  // whatever could fail after the long run fails before it
  if (o.out) await checkWritable(o.out, place);
  const opened = await openFiles(o, o.model ?? builtIn('model'), report);
  if (o.out) checkSavable(method, opened.files, dtype);
  const data = await openTraining(o, opened, report);
  const longest = longestOf(data.rows, data.held, data.guard?.rows);
  const model = await openOnGpu(o, opened, longest, report, method.movesBase ? 'f32' : o.base);
  try {
    if (adapter) await checkAdapterBase(model, adapter, report);
    const { made, ...tuned } = await tune(model, data, tuneOptions(o, method, cache), report, signal);
    const nothing = !made || (signal.aborted && tuned.steps === 0);
    if (nothing) report({ kind: 'warning', text: 'stopped before the first training step: nothing was saved' });
    const out = nothing ? null : (o.out ?? null);
    if (out && made) {
      report({ kind: 'start', phase: 'save', total: 1 });
      await writeFolder(out, await resultFiles(model, made, dtype), place);
    }
    const { steps, seconds, inputTokens } = tuned;
    const tokens_per_second = inputTokens / Math.max(1e-9, seconds);
    const what = method.movesBase ? 'model' : 'adapter';
    report({ kind: 'done', out, steps, seconds, tokens_per_second, made: what });
  } finally {
    closeGpu(model.gpu);
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
