// What a store in OPFS does without room, in a worker: begins when it is told to, and answers what it saw. See opfs.test.ts.
import { isFull } from '../../src/io/store.ts';
import { opfsStore } from '../../src/io/store-opfs.ts';

const root = await navigator.storage.getDirectory();
await root.removeEntry('quota', { recursive: true }).catch(() => {});
const directory = await root.getDirectoryHandle('quota', { create: true });
const store = opfsStore(directory);
await store.write('step-1', 'a', Uint8Array.of(1, 2, 3));

self.onmessage = async () => {
  const much = new Uint8Array(5_000_000).fill(7);
  const handle = await (directory as any).getFileHandle('raw', { create: true });
  const access = await handle.createSyncAccessHandle();
  let raw: number | string;
  try {
    raw = access.write(much, { at: 0 });
  } catch (e) {
    raw = (e as Error).name;
  }
  access.close();
  await directory.removeEntry('raw');
  const refused = await store.write('step-1', 'b', much).then(
    () => null,
    (e: Error) => ({ name: e.name, full: isFull(e) }),
  );
  const names: string[] = [];
  for await (const name of (await directory.getDirectoryHandle('step-1')).keys()) names.push(name);
  const a = (await store.file('step-1', 'a'))!;
  postMessage({ raw, refused, names, a: [...(await a.read(0, a.size))] });
};
postMessage('ready');
