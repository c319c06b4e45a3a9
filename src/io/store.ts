// Where a run keeps what must not be lost: folders of files behind one interface. A file is written aside, flushed and put in place
// whole; a folder counts once its manifest is there. What is kept is train/checkpoint.ts; the disk is store-disk.ts.
import type { Source } from './bytes.ts';

export type Chunks = AsyncIterable<Uint8Array> | Uint8Array | string;

/** Folders of files that are written whole or not at all: where a run keeps its checkpoints. */
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

export const inUse = (place: string, owner: string) =>
  new Error(
    `expected no other run to write into ${place}, got one that does: ${owner}; wait for its end, stop it, or take another folder`,
  );
