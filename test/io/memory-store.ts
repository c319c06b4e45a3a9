// A store in memory, whose writes can be made to fail. No test in here.
import { memorySource } from '../../src/io/bytes.ts';
import { inUse, piecesOf, type Store } from '../../src/io/store.ts';

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
