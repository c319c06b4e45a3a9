// Files that a person drops or chooses, folders walked, as files with their paths; and what becomes of them.

import { batch } from '@preact/signals';
import { openAdapter } from './adapters.ts';
import { type Dropped, sortFiles } from './files.ts';
import { chooseData, chooseModel, refused, running } from './store.ts';

/** Files of a folder at most: more is not a model but a disk. */
const MOST = 2000;

/** What was dropped, folders walked. Must be called in the event, before anything is awaited. */
export function droppedFiles(transfer: DataTransfer): Promise<Dropped[]> {
  const entries = [...transfer.items].flatMap((item) => item.webkitGetAsEntry() ?? []);
  return Promise.all(entries.map(walk)).then((all) => all.flat().slice(0, MOST));
}

/** What was chosen in a file dialogue. */
export const chosenFiles = (list: FileList | null): Dropped[] =>
  [...(list ?? [])].map((file) => ({ path: file.webkitRelativePath || file.name, blob: file }));

async function walk(entry: FileSystemEntry): Promise<Dropped[]> {
  const path = entry.fullPath.replace(/^\//, '');
  if (entry.isFile) {
    const blob = await new Promise<File>((done, failed) => (entry as FileSystemFileEntry).file(done, failed));
    return [{ path, blob }];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const all: FileSystemEntry[] = [];
  // a reader answers some of the entries at a time, and none at the end
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((done, failed) => reader.readEntries(done, failed));
    if (!some.length || all.length > MOST) break;
    all.push(...some);
  }
  return (await Promise.all(all.map(walk))).flat();
}

/** Takes files as what they are: a model, data, an adapter, or several of these. */
export function take(files: Dropped[]): void {
  if (running.value) {
    refused.value = ['A run is under way. Stop it, and drop these again.'];
    return;
  }
  const { model, data, adapter, refused: others } = sortFiles(files);
  batch(() => {
    const opened = model ? chooseModel(model) : undefined;
    if (adapter) void openAdapter(adapter, opened);
    if (data.length) void chooseData(data);
    refused.value = others;
  });
}
