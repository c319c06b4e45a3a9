// A store in memory: of a run that keeps its checkpoints nowhere else, for as long as the program lives.
import { memorySource } from './bytes.ts';
import { inUse, piecesOf, type Store } from './store.ts';

export type MemoryStore = Store & { files: Map<string, Map<string, Uint8Array<ArrayBuffer>>> };

/** An empty store. `fault`: called before each piece is written; what it throws is what a disk would. */
export function memoryStore(fault: (folder: string, name: string) => void = () => {}): MemoryStore {
  const files: MemoryStore['files'] = new Map();
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
