// The places of exports that a browser hands over: its own file system, from where a person downloads them, or a file or folder that a
// person chose.

import { isFull, piecesOf } from '../../io/store.ts';
import type { FileToWrite } from '../../io/write.ts';
import { type WrittenFile, writeChosenFile, writeDirectory } from '../../io/write-directory.ts';
import { zipOf } from '../../io/zip.ts';
import type { Target } from './export.ts';

/** What a browser handed over. */
export interface HandedOver {
  /** Of the file, or of the folder. */
  name: string;
  /** Where a person chose to have it: the file, or the folder that a folder is put into. */
  chosen: FileSystemFileHandle | FileSystemDirectoryHandle | null;
  /** Else: the folder of the browser's own, and what the export is called there, in the place of the one before it. */
  own: { directory: () => Promise<FileSystemDirectoryHandle>; as: string };
  signal: AbortSignal;
  /** Hears of bytes written, and that all are. */
  told: (done: number | 'checking') => void;
}

/** Where an export came to lie, or the file to download: several are one archive, none of which is in memory. */
export interface Taken {
  at: string | null;
  download: { name: string; blob: Blob } | null;
}

/** The place as a target; `taken` says where what was written lies. */
export function handedOver({ name, chosen, own, signal, told }: HandedOver): { target: Target; taken: () => Taken } {
  let taken: Taken = { at: null, download: null };
  const write: Target['write'] = async (all, asked) => {
    const progress = telling(told);
    const files = all.map((file) => ({ name: file.name, chunks: progress(file.chunks) }));
    const check: typeof asked = (written) => {
      told('checking');
      return asked(written);
    };
    if (chosen?.kind === 'file') {
      await writeChosenFile(chosen as FileSystemFileHandle, files[0], { check, signal });
      taken = { at: chosen.name, download: null };
    } else if (chosen) {
      const directory = chosen as FileSystemDirectoryHandle;
      const written = await writeDirectory(directory, name, files, { chosen: true, check, signal });
      taken = { at: `${chosen.name}/${written.name}`, download: null };
    } else {
      const written = await writeDirectory(await own.directory(), own.as, files, { chosen: false, check, signal });
      taken = { at: null, download: downloadOf(name, written.files) };
    }
  };
  const target: Target = {
    write: (files, check) =>
      write(files, check).catch((e) => {
        throw isFull(e) ? new Error(NO_ROOM) : e;
      }),
  };
  return { target, taken: () => taken };
}

const NO_ROOM =
  'expected room for the export, got none: the disk, or the share of it that this browser may use, is full; delete models that are kept in this browser, free some of the disk, or choose values of fewer bytes';

/** One file as it is, several as an archive of a folder. */
function downloadOf(name: string, files: WrittenFile[]): Taken['download'] {
  if (files.length === 1) return { name, blob: files[0].blob };
  return { name: `${name}.zip`, blob: zipOf(files.map((file) => ({ ...file, name: `${name}/${file.name}` }))) };
}

/** Milliseconds between two words on how far it is. */
const OFTEN = 100;

/** Passes pieces on, and tells how many bytes have gone by in all. */
function telling(told: (done: number) => void): (chunks: FileToWrite['chunks']) => AsyncGenerator<Uint8Array> {
  let [done, last] = [0, 0];
  return async function* (chunks) {
    for await (const piece of piecesOf(chunks)) {
      done += piece.length;
      if (performance.now() - last > OFTEN) {
        told(done);
        last = performance.now();
      }
      yield piece;
    }
  };
}
