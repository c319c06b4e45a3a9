// Files into a directory that a browser hands over: one of its private file system, written by access handles that only a worker has,
// or one that a person chose, which takes streams. Of what fails or is stopped nothing is left. The disk of a program is write.ts.

import { blobSource, type Folder } from './bytes.ts';
import { piecesOf } from './store.ts';
import { type Directory, type Handle, writing } from './store-opfs.ts';
import type { FileToWrite } from './write.ts';
import { crc32 } from './zip.ts';

export interface Writing {
  /** Chosen by a person: what is there already stays, and the folder gets a number. Else the browser's own, cleared first. */
  chosen: boolean;
  /** Looks at what was written, where it lies; what it throws leaves nothing. */
  check: (written: Folder) => Promise<void>;
  signal?: AbortSignal;
}

/** A file that was written: on disk, not in memory. */
export interface WrittenFile {
  name: string;
  blob: File;
  crc: number;
}

/** Writes files into a folder of the directory, and into folders in that; answers what the folder is called, and its files. */
export async function writeDirectory(
  directory: FileSystemDirectoryHandle,
  name: string,
  files: FileToWrite[],
  { chosen, check, signal }: Writing,
): Promise<{ name: string; files: WrittenFile[] }> {
  const own = chosen ? await freeName(directory as Directory, name) : name;
  if (!chosen) await removeIn(directory, own);
  const folder = await directory.getDirectoryHandle(own, { create: true });
  try {
    const written: WrittenFile[] = [];
    for (const file of files) {
      const handle = await handleIn(folder, file.name, true);
      const crc = await writeInto(handle, piecesOf(file.chunks), chosen, signal);
      written.push({ name: file.name, blob: await handle.getFile(), crc });
    }
    await check(folderOf(folder));
    signal?.throwIfAborted();
    return { name: own, files: written };
  } catch (e) {
    await removeIn(directory, own);
    throw e;
  }
}

/** Writes one file in the place of whatever the handle had, which a person has agreed to. */
export async function writeChosenFile(
  handle: FileSystemFileHandle,
  file: FileToWrite,
  o: Omit<Writing, 'chosen'>,
): Promise<void> {
  try {
    await writeInto(handle, piecesOf(file.chunks), true, o.signal);
    const written = blobSource(await handle.getFile(), file.name);
    await o.check({
      name: handle.name,
      list: async () => [file.name],
      file: async (name) => (name === file.name ? written : undefined),
    });
    o.signal?.throwIfAborted();
  } catch (e) {
    await (handle as Removable).remove?.().catch(() => {});
    throw e;
  }
}

/** Chromium's alone: elsewhere nobody hands a chosen file over. */
type Removable = FileSystemFileHandle & { remove?(): Promise<void> };

/** The folder as others read one. */
function folderOf(directory: FileSystemDirectoryHandle): Folder {
  return {
    name: directory.name,
    async file(name) {
      const handle = await handleIn(directory, name, false).catch(() => undefined);
      return handle && blobSource(await handle.getFile(), name);
    },
    list: () => namesIn(directory as Directory),
  };
}

/** A file by its name, which may be of a folder further down. */
async function handleIn(directory: FileSystemDirectoryHandle, name: string, create: boolean): Promise<FileSystemFileHandle> {
  const [file, ...folders] = name.split('/').reverse();
  let inner = directory;
  for (const folder of folders.reverse()) inner = await inner.getDirectoryHandle(folder, { create });
  return inner.getFileHandle(file, { create });
}

async function namesIn(directory: Directory): Promise<string[]> {
  const names: string[] = [];
  for await (const [name] of directory.entries()) names.push(name);
  return names.sort();
}

async function freeName(directory: Directory, name: string): Promise<string> {
  const taken = new Set(await namesIn(directory));
  let free = name;
  for (let i = 2; taken.has(free); i++) free = `${name}-${i}`;
  return free;
}

const removeIn = (directory: FileSystemDirectoryHandle, name: string) =>
  directory.removeEntry(name, { recursive: true }).catch(() => {});

/** Writes the pieces as they come; answers their CRC-32. */
async function writeInto(
  handle: FileSystemFileHandle,
  pieces: AsyncIterable<Uint8Array>,
  chosen: boolean,
  signal?: AbortSignal,
): Promise<number> {
  let crc = 0;
  for await (const piece of chosen ? streaming(handle, pieces) : writing(handle as Handle, pieces)) {
    crc = crc32(piece, crc);
    signal?.throwIfAborted();
  }
  return crc;
}

/** The pieces as they go through a stream, whose file is as it was until the end. */
async function* streaming(handle: FileSystemFileHandle, pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const stream = await handle.createWritable();
  let whole = false;
  try {
    for await (const piece of pieces) {
      await stream.write(piece as Uint8Array<ArrayBuffer>);
      yield piece;
    }
    whole = true;
  } finally {
    await (whole ? stream.close() : stream.abort());
  }
}
