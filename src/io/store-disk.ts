// A store on disk. Flushed is the file, and the folder that names it; the lock is a file with its owner and a heartbeat.
import { diskSource, nodeFs, nodeProcess, readText } from './bytes.ts';
import { inUse, PARTIAL, partial, piecesOf, type Store } from './store.ts';

const LOCK = 'lock';
const BEAT_MS = 10_000;
/** A living owner's heart has beaten by then, however long its steps are. */
const DEAD_MS = 180_000;

interface Owner {
  id: string;
  pid: number | null;
  host: string | null;
  beat: number;
}

/** The folders below a path. */
export function diskStore(root: string): Store {
  const at = (...parts: string[]) => [root, ...parts].join('/');
  return {
    name: root,
    async folders() {
      const { readdir, stat } = await nodeFs();
      const found: string[] = [];
      for (const name of await readdir(root).catch(() => []))
        if (!PARTIAL.test(name) && (await stat(at(name)).catch(() => undefined))?.isDirectory()) found.push(name);
      return found.sort();
    },
    async file(folder, name) {
      const { stat } = await nodeFs();
      const found = await stat(at(folder, name)).catch(() => undefined);
      return found?.isFile() ? diskSource(at(folder, name)) : undefined;
    },
    async write(folder, name, chunks) {
      const { mkdir, rename, rm } = await nodeFs();
      await mkdir(at(folder), { recursive: true });
      const aside = `${at(folder, name)}${partial()}`;
      try {
        await writeFlushed(aside, piecesOf(chunks));
        await rename(aside, at(folder, name));
        await flushFolder(at(folder));
        await flushFolder(root);
      } catch (e) {
        await rm(aside, { force: true });
        throw e;
      }
    },
    async remove(folder) {
      const { rm } = await nodeFs();
      await rm(at(folder), { recursive: true, force: true });
    },
    async sweep() {
      const { readdir, rm } = await nodeFs();
      for (const folder of ['', ...(await readdir(root).catch(() => []))])
        for (const name of await readdir(at(folder)).catch(() => []))
          if (PARTIAL.test(name)) await rm(at(folder, name), { recursive: true, force: true });
    },
    lock: () => lock(root, at(LOCK)),
  };
}

async function writeFlushed(path: string, pieces: AsyncIterable<Uint8Array>): Promise<void> {
  const { open } = await nodeFs();
  const handle = await open(path, 'wx');
  try {
    // writeFile would take a turn of the event loop for each half megabyte, and a software adapter leaves few
    for await (const piece of pieces)
      for (let at = 0; at < piece.length; ) at += (await handle.write(piece.subarray(at))).bytesWritten;
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** A name in a folder lasts once the folder is flushed; where a system has no such thing, nothing is to be done. */
async function flushFolder(path: string): Promise<void> {
  const { open } = await nodeFs();
  const handle = await open(path, 'r').catch(() => undefined);
  await handle?.sync().catch(() => {});
  await handle?.close();
}

async function lock(root: string, path: string): Promise<() => Promise<void>> {
  const { mkdir, rename, rm, rmdir, stat } = await nodeFs();
  const around = /^(.+)[\\/][^\\/]+$/.exec(root)?.[1];
  const fresh = around !== undefined && !(await stat(around).catch(() => undefined));
  await mkdir(root, { recursive: true });
  const { pid = null, host = null } = nodeProcess();
  const id = crypto.randomUUID();
  const said = () => JSON.stringify({ id, pid, host, beat: Date.now() } satisfies Owner);
  const owner = async (): Promise<Partial<Owner>> => {
    const source = await diskSource(path);
    try {
      return JSON.parse(await readText(source)) as Partial<Owner>;
    } finally {
      await source.close();
    }
  };
  for (let tries = 0; ; tries++) {
    try {
      await writeFlushed(path, piecesOf(said()));
      break;
    } catch (e) {
      if ((e as { code?: string }).code !== 'EEXIST') throw e;
    }
    const other = await owner().catch(() => ({}) as Partial<Owner>);
    if (tries === 3 || (await lives(other, host)))
      throw inUse(root, `process ${other.pid ?? 'unknown'}${other.host && other.host !== host ? ` on ${other.host}` : ''}`);
    // of those that find it dead, one moves it away
    const away = `${path}${partial()}`;
    await rename(path, away).then(
      () => rm(away, { recursive: true, force: true }), // whatever lies there: no run made a folder of it
      () => {},
    );
  }
  const beat = setInterval(async () => {
    const aside = `${path}${partial()}`;
    await writeFlushed(aside, piecesOf(said())).then(
      () => rename(aside, path),
      () => rm(aside, { force: true }),
    );
  }, BEAT_MS);
  (beat as { unref?: () => void }).unref?.();
  return async () => {
    clearInterval(beat);
    if ((await owner().catch(() => ({}) as Partial<Owner>)).id === id) await rm(path, { force: true });
    // where nothing was kept, nothing is left
    await rmdir(root).catch(() => {});
    if (fresh) await rmdir(around).catch(() => {});
  };
}

async function lives({ pid, host, beat = 0 }: Partial<Owner>, here: string | null): Promise<boolean> {
  if (Date.now() - beat > DEAD_MS) return false;
  return typeof pid !== 'number' || host !== here || nodeProcess().alive(pid);
}
