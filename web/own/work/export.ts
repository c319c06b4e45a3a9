// The result in the files that other programs run: by the exporters and the checks of the command line, written where a browser lets a
// page write. Loaded when the first is asked for.

import { cardFor } from '../../../src/commands/export/card.ts';
import { type Meant, measureMoved, measureOn } from '../../../src/commands/export/check.ts';
import { defaultDtype, exportTo } from '../../../src/commands/export/export.ts';
import { handedOver } from '../../../src/commands/export/handed-over.ts';
import { withDefaults } from '../../../src/options/table.ts';
import { type Adapter, baseOf, liveFiles } from '../../../src/parts.ts';
import type { Report } from '../../../src/report.ts';
import type { ExportAsked, TakenHome } from '../calls.ts';
import { type Bench, modelOf } from './bench.ts';
import { ownExports } from './exports-place.ts';

/** What is measured and read once for a run, however often it is exported. */
interface Known {
  adapter?: Adapter;
  meant?: Meant;
}
const known = new WeakMap<object, Known>();

/** Exports what the last run made, and answers how far what was written is from it. */
export async function exportOwn(b: Bench, asked: ExportAsked, signal: AbortSignal): Promise<TakenHome> {
  const { loaded, tuned } = b;
  if (!loaded || !tuned?.made) throw new Error('expected a run that trained something, got none: start one first');
  const { model } = loaded;
  const opened = modelOf(b);
  const { attached } = tuned.made;
  const of: Known = known.get(tuned) ?? { adapter: (await attached.adapter(baseOf(model), !model.moved)) ?? undefined };
  known.set(tuned, of);
  const { adapter } = of;
  const { format, name, place, svd } = asked;
  const dtype = asked.dtype ?? defaultDtype(format, opened.files.config.dtype);
  const notes: string[] = [];
  const report: Report = (line) => (line.kind === 'note' || line.kind === 'warning') && notes.push(line.text);
  const o = withDefaults(tuned.given);
  const own = { all: b.data?.held ?? b.data?.rows ?? [], logits: format === 'onnx' };
  const measured = () =>
    model.moved ? measureMoved(model, o, opened, own, () => {}) : measureOn(model.gpu, o, { opened, adapter }, own, () => {});
  const meant = async () => {
    signal.throwIfAborted();
    if (!of.meant || (own.logits && !of.meant.logits)) of.meant = await measured();
    signal.throwIfAborted();
    return of.meant;
  };
  const base = tuned.given.model ?? opened.files.name;
  const given = {
    ...{ model: model.moved ? 'model' : tuned.given.model, adapter: adapter && 'adapter' },
    format,
    dtype,
    ...(svd !== null && { svd }),
    out: name,
  };
  const card = cardFor({ base, adapter, run: { recipe: tuned.given, curve: tuned.record!.curve }, given });
  const files = model.moved ? liveFiles(model) : opened.files;
  const { target, taken } = handedOver({
    ...{ name, signal, chosen: place },
    own: { directory: ownExports, as: format },
    told: (done) => b.tell({ kind: 'writing', done }),
  });
  const made = await exportTo(
    target,
    { format, model: { files, adapter, dtype, card, svd: svd ?? undefined }, meant },
    report,
  ).catch((e) => {
    throw signal.aborted ? new Error('expected the export to end, got stopped: nothing of it is left') : e;
  });
  return { ...made, ...taken(), notes };
}
