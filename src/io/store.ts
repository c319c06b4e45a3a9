// Where a run keeps what must not be lost: folders of files behind one interface, on disk, in a browser's own file system (OPFS, in a
// worker) or in memory. A file is written aside, flushed and put in place whole; a folder counts once its manifest is there.
// What is kept is train/checkpoint.ts; the disk is store-disk.ts, OPFS store-opfs.ts.
import { memorySource, type Source } from './bytes.ts';

export type Chunks = AsyncIterable<Uint8Array> | Uint8Array | string;

export interface Store {
  /** For messages. */
  name: string;
  /** Folders, in the order of their names. */
  folders(): Promise<string[]>;
  /** A file of a folder; undefined where there is none. */
  file(folder: string, name: string): Promise<Source | undefined>;
  /** Writes a file whole: whoever reads it, now or after a crash, finds all of it, or what was there before. */
  write(folder: string, name: string, chunks: Chunks): Promise<void>;
  remove(folder: string): Promise<void>;
  /** Removes what killed writers left half written; only for who holds the lock. */
  sweep(): Promise<void>;
  /** Keeps other runs out until it is released; one whose owner is dead is taken over. Throws where the owner lives. */
  lock(): Promise<() => Promise<void>>;
}

/** What marks a file that is not whole yet. */
export const PARTIAL = /\.partial-[0-9a-f]{8}$|\.crswap$/;
export const partial = () => `.partial-${crypto.randomUUID().slice(0, 8)}`;

/** Whether a write failed because there is no room: the disk's, the quota's, or a limit on files. */
export function isFull(e: unknown): boolean {
  const { code, name } = (e ?? {}) as { code?: string; name?: string };
  return ['ENOSPC', 'EDQUOT', 'EFBIG'].includes(code ?? '') || name === 'QuotaExceededError';
}

/** The pieces of a file. */
export async function* piecesOf(chunks: Chunks): AsyncGenerator<Uint8Array> {
  if (typeof chunks === 'string') yield new TextEncoder().encode(chunks);
  else if (chunks instanceof Uint8Array) yield chunks;
  else yield* chunks;
}

/** A store in memory. `fault`: called before each piece is written; what it throws is what a disk would. */
export function memoryStore(
  fault: (folder: string, name: string) => void = () => {},
): Store & { files: Map<string, Map<string, Uint8Array<ArrayBuffer>>> } {
  const files = new Map<string, Map<string, Uint8Array<ArrayBuffer>>>();
  let locked = false;
  return {
    name: 'memory',
    files,
    folders: async () => [...files.keys()].sort(),
    async file(folder, name) {
      const bytes = files.get(folder)?.get(name);
      return bytes && memorySource(bytes, name);
    },
    async write(folder, name, chunks) {
      const parts: BlobPart[] = [];
      for await (const piece of piecesOf(chunks)) {
        fault(folder, name);
        parts.push(piece.slice());
      }
      const bytes = new Uint8Array(await new Blob(parts).arrayBuffer());
      files.set(folder, (files.get(folder) ?? new Map()).set(name, bytes));
    },
    async remove(folder) {
      files.delete(folder);
    },
    sweep: async () => {},
    async lock() {
      if (locked) throw inUse('memory', 'this program');
      locked = true;
      return async () => void (locked = false);
    },
  };
}

export const inUse = (place: string, owner: string) =>
  new Error(
    `expected no other run to write into ${place}, got one that does: ${owner}; wait for its end, stop it, or take another folder`,
  );
