// train and select, from options to what lies on disk.

import type { Dataset } from '../data/load.ts';
import type { Row } from '../data/rows.ts';
import { holdOut, parseHeldOut } from '../data/split.ts';
import { closeGpu } from '../gpu/device.ts';
import { loadAdapter } from '../io/adapter.ts';
import { writeSafetensors } from '../io/safetensors.ts';
import { checkWritable, writeFile, writeFolder } from '../io/write.ts';
import type { Settled } from '../options/table.ts';
import type { Report } from '../report.ts';
import { adopt, checkBase } from '../train/adapter.ts';
import { targetsOf } from '../train/attach.ts';
import { tuneRun } from '../train/autotune.ts';
import { CHECKPOINTS, keepingIn, newestCheckpoint } from '../train/checkpoint.ts';
import { choose, selectionLine } from '../train/choose.ts';
import { blocksUpdate, guardLoss, stability } from '../train/diagnostics.ts';
import { identityOf, mustBeSame, settingsOf } from '../train/identity.ts';
import { rankingOf } from '../train/lowrank.ts';
import type { Model } from '../train/model.ts';
import { tuneOptions } from '../train/options.ts';
import { layOut } from '../train/order.ts';
import { rankedFiles, smtFiles } from '../train/save.ts';
import { readSelection } from '../train/selection.ts';
import { tune } from '../train/tune.ts';
import { version } from '../version.ts';
import { builtIn } from './built-in.ts';
import { modelFiles } from './merge.ts';
import { type Opened, openFiles, openOnGpu, openRows } from './open.ts';
import { withinMemory } from './plan.ts';
import { withRateNote } from './rate-note.ts';
import type { Task } from './task.ts';

export async function trainVerb({ o: asked, report, signal, cache }: Task): Promise<void> {
  const adapter = asked.adapter ? await loadAdapter(asked.adapter) : undefined;
  const o = adapter ? adopt(asked, adapter) : asked;
  const place = { force: o.force || o.resume, beside: [CHECKPOINTS] };
  if (o.out) await checkWritable(o.out, place); // before the long run, not after it
  const warn = (text: string) => report({ kind: 'warning', text });
  const found = o.resume ? await newestCheckpoint(o.out!, warn) : undefined;
  if (o.resume && !found) warn(`no checkpoint in ${o.out}: the run starts from its beginning`);
  const selection = o.selection ? await readSelection(o.selection) : undefined;
  const opened = await openFiles(o, o.model ?? builtIn('model'), report);
  const { files } = opened;
  const data = await openRows(o, opened, o.data ?? [builtIn('task/train.jsonl')], report);
  const { rows, held } = await heldOut(data, o, opened, report);
  const guard = o.guard ? { name: o.guard, rows: (await openRows(o, opened, [o.guard], report)).rows } : undefined;
  const whole = o.method === 'full' || o.warmup === 'full'; // everything trains, so the result is a model
  const base = whole ? 'f32' : o.base;
  const model = await openOnGpu({ ...o, base }, files, longest([...rows, ...(held ?? []), ...(guard?.rows ?? [])]), report);
  try {
    if (adapter) await checkBase(model, adapter, report);
    const asked = { ...tuneOptions(o), selection: found?.selection ?? selection, adapter };
    const settings = withinMemory(o, model, { rows, held }, asked, report);
    const decided = settingsOf({ ...o, base }, settings.recompute);
    const of = o.checkpointEvery || found ? await identityOf(files, rows, decided) : undefined;
    if (found) mustBeSame(found.name, found.of, of!);
    model.moved = Boolean(found) && o.warmup === 'full'; // its warmed-up weights are in the checkpoint
    model.planning = await tuneRun(model, layOut(rows, settings).sizes, whole, o, cache, found?.kernels);
    const { choices } = model.planning;
    const keeping = of && keepingIn(o.out!, model, of, o.checkpointEvery, o.keep, choices, found);

    if (guard) await guardLoss(model, guard, o.batch, 0, report);
    const tuned = await tune(model, { rows, held, keeping }, settings, withRateNote(o, report), signal);
    if (tuned.selection) report(await blocksUpdate(model, tuned.selection, tuned.matrices));
    if (guard) await guardLoss(model, guard, o.batch, tuned.steps, report);
    const nothing = signal.aborted && tuned.steps === 0;
    if (nothing) report({ kind: 'warning', text: 'stopped before the first training step: nothing was saved' });
    if (o.out && !nothing) {
      report({ kind: 'start', phase: 'save', total: 1 });
      const targets = targetsOf(model.decoder, settings.targets);
      const from = {
        block: tuned.selection?.block ?? 0,
        targets: o.targets,
        score: o.score,
        budget: o.budget,
        seed: o.seed,
        version,
      };
      const made = whole
        ? modelFiles(model, o.dtype ?? 'f32', tuned.matrices)
        : tuned.ranked.length
          ? await rankedFiles(model, tuned.ranked, rankingOf(settings))
          : await smtFiles(model, tuned.matrices, targets, from);
      await writeFolder(o.out, made, place);
    }
    report({
      kind: 'done',
      out: nothing ? null : (o.out ?? null),
      steps: tuned.steps,
      seconds: tuned.seconds,
      tokens_per_second: tuned.inputTokens / Math.max(1e-9, tuned.seconds),
    });
  } finally {
    closeGpu(model.gpu);
    await files.close();
  }
}

export async function selectVerb({ o, report, signal, cache }: Task): Promise<void> {
  const opened = await openFiles(o, o.model ?? builtIn('model'), report);
  const data = await openRows(o, opened, o.data ?? [builtIn('task/train.jsonl')], report);
  const model = await openOnGpu(o, opened.files, longest(data.rows), report);
  try {
    const settings = withinMemory(o, model, data, tuneOptions(o), report);
    const run = layOut(data.rows, settings);
    model.planning = await tuneRun(model, run.sizes, true, o, cache);
    const chosen = await choose(model, data.rows, settings, run, report, signal);
    const line = selectionLine(model, settings, chosen);
    report(line);
    if (o.stability && !signal.aborted) report(await stability(model, data.rows, settings, run, chosen, signal));
    if (o.out) await writeFile(o.out, `${JSON.stringify(line)}\n`, { force: o.force });
    if (o.scores) await writeFile(o.scores, scoreFile(model, chosen.maps, chosen.block), { force: o.force });
  } finally {
    closeGpu(model.gpu);
    await opened.files.close();
  }
}

/** Rows apart for evaluation: a file of their own, or a share of the data. */
async function heldOut(data: Dataset, o: Settled, opened: Opened, report: Report): Promise<{ rows: Row[]; held?: Row[] }> {
  if (o.eval === undefined) return { rows: data.rows };
  const asked = parseHeldOut(o.eval);
  if ('file' in asked) return { rows: data.rows, held: (await openRows(o, opened, [asked.file], report)).rows };
  const { train, held } = holdOut(data.rows.length, asked.share, o.seed);
  report({ kind: 'note', text: `${held.length} of ${data.rows.length} rows are held out` });
  return { rows: train.map((i) => data.rows[i]), held: held.map((i) => data.rows[i]) };
}

const longest = (rows: Row[]) => rows.reduce((n, r) => Math.max(n, r.ids.length), 1);

/** Score maps as safetensors, under their weights' names. */
function scoreFile(model: Model, maps: Map<string, Float32Array>, b: number) {
  const tensors = [...maps].map(([name, map]) => {
    const [rows, cols] = model.files.tensors.get(name)!.shape;
    return {
      name,
      dtype: 'F32',
      shape: [rows / b, cols / b],
      bytes: () => new Uint8Array(map.buffer, map.byteOffset, map.byteLength),
    };
  });
  return writeSafetensors(tensors);
}
