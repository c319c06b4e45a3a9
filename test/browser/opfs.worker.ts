// A store in OPFS at work, in a worker, where alone a file can be flushed: answers what it saw. See opfs.test.ts.
import { opfsStore } from '../../src/io/store-opfs.ts';

const root = await navigator.storage.getDirectory();
await root.removeEntry('store', { recursive: true }).catch(() => {});
const directory = await root.getDirectoryHandle('store', { create: true });
const store = opfsStore(directory);
const refused = (asked: Promise<unknown>) =>
  asked.then(
    () => null,
    (e: Error) => `${e.name}: ${e.message}`,
  );
const namesIn = async (folder: string) => {
  const names: string[] = [];
  for await (const name of (await directory.getDirectoryHandle(folder)).keys()) names.push(name);
  return names.sort();
};
async function* pieces() {
  yield Uint8Array.of(1, 2, 3);
  yield new Uint8Array(5_000_000).fill(7);
}

const release = await store.lock();
const second = await refused(opfsStore(directory).lock());
await store.write('step-1', 'a', pieces());
await store.write('step-1', 'b', 'text');
await store.write('step-1', 'b', 'again');
const a = (await store.file('step-1', 'a'))!;
const b = (await store.file('step-1', 'b'))!;
const read = { size: a.size, head: [...(await a.read(0, 4))], text: new TextDecoder().decode(await b.read(0, b.size)) };
// what a writer leaves that was killed
await (await directory.getDirectoryHandle('step-1')).getFileHandle('c.partial-0123abcd', { create: true });
await store.sweep();
const swept = await namesIn('step-1');
async function* broken() {
  yield Uint8Array.of(1);
  throw new Error('the source broke off');
}
const failed = await refused(store.write('step-1', 'b', broken()));
const stays = await store.file('step-1', 'b').then((file) => file?.size);
const left = await namesIn('step-1');
const none = (await store.file('step-1', 'none')) ?? null;
await store.remove('step-1');
await release();
const free = await refused(store.lock().then((again) => again()));
postMessage({ second, read, swept, failed, stays, left, none, folders: await store.folders(), free });
