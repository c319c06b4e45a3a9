// Files of the web that are read once: each is copied whole into a browser's own file system when it is first asked for, and from then on
// read from there. A copy that broke off is gone on with where its server says that the file is still the same. In a worker: only there
// can a file be written a piece at a time. Knows no formats; the web is web.ts.
import * as v from 'valibot';
import { type Folder, readJson, type Source } from './bytes.ts';
import { fitting, whole } from './schema.ts';
import { isFull } from './store.ts';
import { type Directory, type Handle, opfsStore } from './store-opfs.ts';

export interface KeptModel {
  /** The folder that it is in. */
  key: string;
  name: string;
  address: string;
  /** All that is there of it. */
  bytes: number;
  /** Something broke off, and is gone on with when it is opened again. */
  partial: boolean;
}

export interface Keeper {
  directory: FileSystemDirectoryHandle;
  progress: (done: number, all: number) => void;
  /** Hears why something is not kept. */
  note: (text: string) => void;
}

const INDEX = 'index.json';
const PART = '.part';
const PIECE = 1 << 22;
const SCHEMA = v.object({
  name: v.string(),
  address: v.string(),
  /** Files by their names, as their server had them. */
  files: v.record(v.string(), v.object({ size: whole(0), version: v.optional(v.string()) })),
  /** Names that its server has nothing of. */
  absent: v.array(v.string()),
});
type Index = v.InferOutput<typeof SCHEMA>;

/** A folder of the web through its copies. Without the web it answers from what is there; without room, or where another tab writes, from the web. */
export async function keptFolder(from: Folder, of: Pick<KeptModel, 'key' | 'name' | 'address'>, keeper: Keeper): Promise<Folder> {
  const { key, name, address } = of;
  const store = opfsStore(keeper.directory);
  const index = (await indexOf(keeper.directory, key)) ?? { name, address, files: {}, absent: [] };
  const placeOf = () => keeper.directory.getDirectoryHandle(key, { create: true });
  const save = () => store.write(key, INDEX, JSON.stringify(index));
  /** Why its server does not answer: asked again and again, each time it takes a while to say so. */
  let silent: Error | undefined;
  /** The copy of a file that is whole, as its server had it. */
  const copyOf = async (file: string) => {
    const copy = await store.file(key, encodeURIComponent(file));
    return copy && copy.size === index.files[file]?.size ? { ...copy, name: file } : undefined;
  };
  return {
    ...from,
    async file(file) {
      let source: Source | undefined;
      if (!silent)
        source = await from.file(file).catch((e: Error) => {
          silent = e;
          return undefined;
        });
      if (silent) {
        const copy = await copyOf(file);
        if (copy || index.absent.includes(file)) return copy;
        throw silent;
      }
      try {
        if (!source) {
          if (index.absent.includes(file)) return undefined;
          index.absent.push(file);
          if (Object.keys(index.files).length) await save(); // of an address that has nothing nothing is kept
          return undefined;
        }
        const { size, version } = source;
        const was = index.files[file];
        const same = was?.size === size && was.version === version;
        const copy = same ? await copyOf(file) : undefined;
        if (!copy) {
          const place = await placeOf();
          const removed = (end: string) => place.removeEntry(`${encodeURIComponent(file)}${end}`).catch(() => {});
          // what is there of another version, or of one that its server has no name for, is of no use; it goes before the new one is noted
          if (!same) await removed('');
          if (!same || version === undefined) await removed(PART);
          index.files[file] = { size, version };
          await save();
          await copyInto(source, place, encodeURIComponent(file), keeper.progress);
        }
        const kept = copy ?? (await copyOf(file));
        if (!kept) return source;
        await source.close();
        return kept;
      } catch (e) {
        if (!isStorages(e)) throw e;
        keeper.note(`${file} is not kept in this browser (${(e as Error).message}): it is read from its server`);
        if (isFull(e)) await (await placeOf()).removeEntry(`${encodeURIComponent(file)}${PART}`).catch(() => {});
        return source;
      }
    },
  };
}

/** Models that are kept, whole or in part. */
export async function keptModels(directory: FileSystemDirectoryHandle): Promise<KeptModel[]> {
  const models: KeptModel[] = [];
  for (const key of await opfsStore(directory).folders()) {
    const index = await indexOf(directory, key);
    let bytes = 0;
    let partial = false;
    const place = (await directory.getDirectoryHandle(key)) as Directory;
    for await (const [name, handle] of place.entries()) {
      bytes += (await (handle as Handle).getFile()).size;
      partial ||= name.endsWith(PART);
    }
    models.push({ key, name: index?.name ?? 'unknown', address: index?.address ?? '', bytes, partial });
  }
  return models;
}

async function indexOf(directory: FileSystemDirectoryHandle, key: string): Promise<Index | undefined> {
  const file = await opfsStore(directory).file(key, INDEX);
  try {
    return file && fitting(SCHEMA, await readJson(file), INDEX);
  } catch {
    return undefined; // damaged: all of it is read anew
  }
}

/** Copies a file from where its copy ends; each piece counts once it is written whole. */
async function copyInto(
  source: Source,
  place: FileSystemDirectoryHandle,
  name: string,
  progress: Keeper['progress'],
): Promise<void> {
  const handle = (await place.getFileHandle(`${name}${PART}`, { create: true })) as Handle;
  const access = await handle.createSyncAccessHandle();
  try {
    let at = access.getSize();
    if (at > source.size)
      throw new Error(`expected at most ${source.size} bytes of ${name} in this browser, got ${at}: delete it`);
    progress(at, source.size);
    while (at < source.size) {
      const piece = await source.read(at, Math.min(PIECE, source.size - at));
      if (access.write(piece, { at }) !== piece.length || access.getSize() !== at + piece.length) {
        access.truncate(at);
        throw Object.assign(new Error('there is no room'), { name: 'QuotaExceededError' });
      }
      at += piece.length;
      progress(at, source.size);
    }
    access.flush();
  } finally {
    access.close();
  }
  await handle.move(name);
}

/** Of the storage, not of the web: no room, or another tab has the file open. */
const isStorages = (e: unknown) => isFull(e) || (e instanceof DOMException && e.name !== 'AbortError');
