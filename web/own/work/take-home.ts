// The result in the files that other programs run: by the exporters and the checks of the command line, written where a browser lets a
// page write. Loaded when the first is asked for.

import { cardFor } from '../../../src/commands/export/card.ts';
import { type Meant, measureMoved, measureOn } from '../../../src/commands/export/check.ts';
import { defaultDtype, exportTo, type Target } from '../../../src/commands/export/export.ts';
import { withDefaults } from '../../../src/options/table.ts';
import {
  type Adapter,
  baseOf,
  chunksOf,
  type FileToWrite,
  isFull,
  liveFiles,
  type WrittenFile,
  writeChosenFile,
  writeDirectory,
  zipOf,
} from '../../../src/parts.ts';
import type { Report } from '../../../src/report.ts';
import type { ExportAsked, TakenHome } from '../calls.ts';
import { type Bench, modelOf } from './bench.ts';
import { ownExports } from './exports-place.ts';

/** What is measured and read once for a run, however often it is exported. */
interface Source {
  adapter?: Adapter;
  meant?: Meant;
}
const sources = new WeakMap<object, Source>();

/** Exports what the last run made, and answers how far what was written is from it. */
export async function exportOwn(b: Bench, asked: ExportAsked, signal: AbortSignal): Promise<TakenHome> {
  const { loaded, tuned } = b;
  if (!loaded || !tuned?.made) throw new Error('expected a run that trained something, got none: start one first');
  const { model } = loaded;
  const opened = modelOf(b);
  const { attached } = tuned.made;
  const source: Source = sources.get(tuned) ?? { adapter: (await attached.adapter(baseOf(model), !model.moved)) ?? undefined };
  sources.set(tuned, source);
  const { adapter } = source;
  const { format, name } = asked;
  const dtype = asked.dtype ?? defaultDtype(format, opened.files.config.dtype);
  const notes: string[] = [];
  const report: Report = (line) => (line.kind === 'note' || line.kind === 'warning') && notes.push(line.text);
  const o = withDefaults(tuned.given);
  const own = b.data?.held ?? b.data?.rows ?? [];
  const meant = async () =>
    (source.meant ??= await (model.moved
      ? measureMoved(model, o, opened, own, () => {})
      : measureOn(model.gpu, o, { opened, adapter }, own, () => {})));
  const base = tuned.given.model ?? opened.files.name;
  const given = {
    ...{ model: model.moved ? 'model' : tuned.given.model, adapter: adapter && 'adapter' },
    format,
    dtype,
    out: name,
  };
  const card = cardFor({ base, adapter, run: { recipe: tuned.given, curve: tuned.record!.curve }, given });
  const files = model.moved ? liveFiles(model) : opened.files;
  const { target, taken } = placeFor(b, asked, signal);
  try {
    const made = await exportTo(target, { format, model: { files, adapter, dtype, card }, meant }, report);
    return { ...made, ...taken(), notes };
  } catch (e) {
    if (signal.aborted) throw new Error('expected the export to end, got stopped: nothing of it is left');
    throw isFull(e) ? new Error(NO_ROOM) : e;
  }
}

const NO_ROOM =
  'expected room for the export, got none: the disk, or the share of it that this browser may use, is full; delete models that are kept in this browser, free some of the disk, or choose values of fewer bytes';

type Taken = Pick<TakenHome, 'at' | 'download'>;

/** Where a browser lets the page write it: where a person chose, or the browser's own file system, to be downloaded from there. */
function placeFor(b: Bench, { format, name, place }: ExportAsked, signal: AbortSignal): { target: Target; taken: () => Taken } {
  let taken: Taken = { at: null, download: null };
  const progress = telling(b);
  const write: Target['write'] = async (all, asked) => {
    const files = all.map((file) => ({ name: file.name, chunks: progress(file.chunks) }));
    const check: typeof asked = (written) => {
      b.tell({ kind: 'writing', done: null });
      return asked(written);
    };
    if (place?.kind === 'file') {
      await writeChosenFile(place as FileSystemFileHandle, files[0], { check, signal });
      taken = { at: place.name, download: null };
      return;
    }
    const directory = (place as FileSystemDirectoryHandle | null) ?? (await ownExports());
    const chosen = place !== null;
    const written = await writeDirectory(directory, chosen ? name : format, files, { chosen, check, signal });
    taken = chosen
      ? { at: `${directory.name}/${written.name}`, download: null }
      : { at: null, download: downloadOf(name, written.files) };
  };
  return { target: { write }, taken: () => taken };
}

/** One file as it is, several as an archive of a folder. */
function downloadOf(name: string, files: WrittenFile[]): TakenHome['download'] {
  if (files.length === 1) return { name, blob: files[0].blob };
  return { name: `${name}.zip`, blob: zipOf(files.map((file) => ({ ...file, name: `${name}/${file.name}` }))) };
}

/** Milliseconds between two words on how far it is. */
const OFTEN = 100;

/** Passes pieces on, and tells the page how many bytes have gone by in all. */
function telling(b: Bench): (chunks: FileToWrite['chunks']) => AsyncGenerator<Uint8Array> {
  let [done, last] = [0, 0];
  return async function* (chunks) {
    for await (const piece of chunksOf(chunks)) {
      done += piece.length;
      if (performance.now() - last > OFTEN) {
        b.tell({ kind: 'writing', done });
        last = performance.now();
      }
      yield piece;
    }
  };
}
