// A store in a browser's own file system, from a worker: only there can a file be flushed. Written under another name by a sync access
// handle, read back and compared, then moved: createWritable leaves its swap files behind when it is killed, and write() past the quota
// answers a number that is none instead of failing.
import { blobSource } from './bytes.ts';
import { streamHash } from './hash.ts';
import { inUse, PARTIAL, partial, piecesOf, type Store } from './store.ts';

/** What the types of the DOM leave out, or have in workers alone. */
export interface Access {
  write(bytes: Uint8Array, o: { at: number }): number;
  truncate(size: number): void;
  flush(): void;
  getSize(): number;
  close(): void;
}
export type Handle = FileSystemFileHandle & { createSyncAccessHandle(): Promise<Access>; move(name: string): Promise<void> };
export type Directory = FileSystemDirectoryHandle & { entries(): AsyncIterable<[string, FileSystemHandle]> };

/** The folders of a directory of the origin's private file system. */
export function opfsStore(directory: FileSystemDirectoryHandle): Store {
  const root = directory as Directory;
  const folderOf = async (name: string, create = false) =>
    (await root.getDirectoryHandle(name, { create }).catch((e) => (create ? Promise.reject(e) : undefined))) as
      | Directory
      | undefined;
  return {
    name: 'the browser',
    async folders() {
      const names: string[] = [];
      for await (const [name, { kind }] of root.entries()) if (kind === 'directory') names.push(name);
      return names.sort();
    },
    async file(folder, name) {
      const handle = await (await folderOf(folder))?.getFileHandle(name).catch(() => undefined);
      return handle && blobSource(await handle.getFile(), name);
    },
    async write(folder, name, chunks) {
      const place = (await folderOf(folder, true))!;
      const aside = `${name}${partial()}`;
      const handle = (await place.getFileHandle(aside, { create: true })) as Handle;
      try {
        const sum = await streamHash(writing(handle, piecesOf(chunks)));
        if ((await streamHash((await handle.getFile()).stream() as unknown as AsyncIterable<Uint8Array>)) !== sum)
          throw new Error(`expected ${name} to be what was written, got other bytes; the store is damaged`);
        await handle.move(name);
      } catch (e) {
        await place.removeEntry(aside).catch(() => {});
        throw e;
      }
    },
    async remove(folder) {
      await root.removeEntry(folder, { recursive: true }).catch(() => {});
    },
    async sweep() {
      for await (const [name, { kind }] of root.entries())
        if (kind === 'directory') {
          const folder = (await folderOf(name))!;
          const left: string[] = [];
          for await (const [file] of folder.entries()) if (PARTIAL.test(file)) left.push(file);
          for (const file of left) await folder.removeEntry(file).catch(() => {});
        } else if (PARTIAL.test(name)) await root.removeEntry(name).catch(() => {});
    },
    async lock() {
      // held by who has it open: the browser lets go of it when a worker dies
      const handle = (await root.getFileHandle('lock', { create: true })) as Handle;
      const held = await handle.createSyncAccessHandle().catch(() => undefined);
      if (!held) throw inUse('the browser', 'another tab');
      return async () => held.close();
    },
  };
}

/** The pieces as they go, each written whole or an error; flushed and closed at the end. */
export async function* writing(handle: Handle, pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const access = await handle.createSyncAccessHandle();
  try {
    let at = 0;
    for await (const piece of pieces) {
      const written = access.write(piece, { at });
      at += piece.length;
      if (written !== piece.length || access.getSize() !== at)
        throw Object.assign(new Error(`expected room for ${piece.length} bytes more, got none: the browser's quota is used up`), {
          name: 'QuotaExceededError',
        });
      yield piece;
    }
    access.flush();
  } finally {
    access.close();
  }
}
