// Writing folders and files so that nothing half done ever stands under a final name: aside first, flushed, then renamed.
// What a writer that was killed left aside goes with the next write there; it never counts as something that is in the place.

import { setting } from '../setting.ts';
import { nodeFs } from './bytes.ts';

export interface FileToWrite {
  /** Plain, or of a file one folder further down: onnx/model.onnx. */
  name: string;
  chunks: AsyncIterable<Uint8Array> | Uint8Array | string;
}

/** A file in memory, for a page to hand over. */
export async function blobOf({ name, chunks }: FileToWrite): Promise<Blob> {
  const parts: BlobPart[] = [];
  if (typeof chunks === 'string') parts.push(chunks);
  else if (chunks instanceof Uint8Array) parts.push(chunks as BlobPart);
  else for await (const chunk of chunks) parts.push(chunk.slice());
  return new Blob(parts, { type: name.endsWith('.json') ? 'application/json' : 'application/octet-stream' });
}

/** What may be where a folder or file is written, and who looks at it before it has its name. */
export interface WriteOptions {
  /** Write into a folder that holds other files, over those of the same names. */
  force?: boolean;
  /** Names that may be there already and stay (checkpoints, say). */
  beside?: string[];
  /** Looks at what was written, where it still lies aside, before it gets its name; what it throws leaves nothing. */
  check?: (aside: string) => Promise<void>;
  /** Nobody else writes beside the place: whatever was left there by a killed writer goes at once, not only what is old. */
  alone?: boolean;
}

/** Writes files into a folder, and folders in it: aside first, then renamed, so that a failure leaves nothing under a final name. */
export async function writeFolder(path: string, files: FileToWrite[], options: WriteOptions = {}): Promise<void> {
  const { mkdir, rename, rm, rmdir } = await nodeFs();
  const place = path.replace(/(?<=.)[\\/]+$/, '');
  for (const { name } of files)
    if (!name.split('/').every((part) => /^(?!\.{0,2}$)[^/\\]+$/.test(part)))
      throw new Error(`expected a plain file name to write, got ${JSON.stringify(name)}`);
  const there = await checkWritable(place, options);
  await sweep(place, options);
  const aside = there.length ? `${place}/${partial()}` : `${place}${partial()}`;
  await mkdir(aside, { recursive: true });
  try {
    const folders = new Set(files.flatMap(({ name }) => /^(.*)\//.exec(name)?.[1] ?? []));
    for (const folder of folders) await mkdir(`${aside}/${folder}`, { recursive: true });
    for (const file of files) await writeChunks(`${aside}/${file.name}`, file.chunks);
    await options.check?.(aside);
    if (there.length === 0) {
      await rmdir(place).catch(() => {});
      await rename(aside, place);
    } else {
      const names = new Set(files.map((f) => f.name));
      const stale = there.filter((name) => readBeside(names).test(name) && !names.has(name));
      for (const name of stale) await rm(`${place}/${name}`);
      for (const folder of folders) await mkdir(`${place}/${folder}`, { recursive: true });
      for (const file of files) await rename(`${aside}/${file.name}`, `${place}/${file.name}`);
    }
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
}

/**
 * What an older model or adapter left that would be read beside these files: weights and a receipt that are not written again. An
 * adapter leaves a model's weights, which may be its base's, and ONNX lies beside any.
 */
function readBeside(names: Set<string>): RegExp {
  const has = (of: RegExp) => [...names].some((name) => of.test(name));
  if (has(/^model.*\.safetensors$/)) return /^((adapter_)?model.*\.safetensors(\.index\.json)?|receipt\.json)$/;
  if (has(/^adapter_model.*\.safetensors$/)) return /^(adapter_model.*\.safetensors(\.index\.json)?|receipt\.json)$/;
  return /^$/;
}

/** Writes one file, and the folder that it is to be in: aside first, then renamed; an existing one needs `force`. */
export async function writeFile(path: string, chunks: FileToWrite['chunks'], options: WriteOptions = {}): Promise<void> {
  const { mkdir, rename, rm } = await nodeFs();
  await checkFile(path, options);
  await sweep(path, options);
  const folder = /^(.*)[\\/]/.exec(path)?.[1];
  if (folder) await mkdir(folder, { recursive: true });
  const aside = `${path}${partial()}`;
  try {
    await writeChunks(aside, chunks);
    await options.check?.(aside);
    await rename(aside, path);
  } finally {
    await rm(aside, { force: true });
  }
}

/** Throws where `writeFile` would refuse: a folder, and without `force` a file. */
export async function checkFile(path: string, options: WriteOptions = {}): Promise<void> {
  const { stat } = await nodeFs();
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory()) throw new Error(`expected a file or nothing at ${path}, got a folder; choose another place`);
  if (!options.force && found)
    throw new Error(`expected nothing at ${path}, got an existing file; choose another place or add ${setting('force')}`);
}

/** Throws where `writeFolder` would refuse; answers what is there. Asked before a long run, not after it. */
export async function checkWritable(path: string, options: WriteOptions = {}): Promise<string[]> {
  const { readdir, stat } = await nodeFs();
  const found = await stat(path).catch(() => undefined);
  if (!found) return [];
  if (!found.isDirectory()) throw new Error(`expected a folder or nothing at ${path}, got a file; choose another place`);
  const there = (await readdir(path)).filter((name) => !PARTIAL.test(name));
  const others = there.filter((name) => !options.beside?.includes(name));
  if (others.length && !options.force)
    throw new Error(
      `expected an empty place at ${path}, got ${others.slice(0, 3).join(', ')}; choose another place or add ${setting('force')}`,
    );
  return there;
}

const partial = () => `.partial-${crypto.randomUUID().slice(0, 8)}`;
const PARTIAL = /\.partial-[0-9a-f]{8}$/;
/** A writer that lives adds to its files far more often than this. */
const ABANDONED_MS = 3_600_000;

/** Removes what killed writers left for this place, and beside it what has been abandoned. Never fails the write. */
async function sweep(place: string, { alone }: WriteOptions): Promise<void> {
  const { readdir, rm, stat } = await nodeFs();
  const [, parent, name] = /^(.*[\\/])?([^\\/]*)$/.exec(place)!;
  const left = async (folder: string) => (await readdir(folder).catch(() => [])).filter((found) => PARTIAL.test(found));
  const touched = async (path: string) => (await stat(path).catch(() => undefined))?.mtimeMs ?? 0;
  const abandoned = async (path: string) => {
    const files = (await readdir(path).catch(() => [])).map((file) => `${path}/${file}`);
    const latest = Math.max(...(await Promise.all([path, ...files].map(touched))));
    return Date.now() - latest > ABANDONED_MS;
  };
  const remove = (path: string) => rm(path, { recursive: true, force: true }).catch(() => {});
  for (const found of await left(place)) await remove(`${place}/${found}`);
  for (const found of await left(parent ?? '.')) {
    const path = `${parent ?? ''}${found}`;
    if (alone || found.replace(PARTIAL, '') === name || (await abandoned(path))) await remove(path);
  }
}

async function writeChunks(path: string, chunks: FileToWrite['chunks']): Promise<void> {
  const { open } = await nodeFs();
  const handle = await open(path, 'wx');
  try {
    if (typeof chunks === 'string') await handle.writeFile(chunks);
    else if (chunks instanceof Uint8Array) await handle.writeFile(chunks);
    else await writeAhead(handle, chunks);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

type FileHandle = Awaited<ReturnType<Awaited<ReturnType<typeof nodeFs>>['open']>>;

/** Bytes after which the disk is set to work, while more are made. */
const FLUSH = 32 << 20;

// While a chunk is written, the next is made; while the disk takes what was written, more is.
async function writeAhead(handle: FileHandle, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  let [writing, flushing] = [Promise.resolve(), Promise.resolve()];
  let waiting = 0;
  try {
    for await (const chunk of chunks) {
      await writing;
      writing = handle.writeFile(chunk);
      writing.catch(() => {}); // who waits for it hears of it
      waiting += chunk.length;
      if (waiting < FLUSH) continue;
      await flushing;
      flushing = handle.datasync();
      flushing.catch(() => {});
      waiting = 0;
    }
  } finally {
    await Promise.all([writing, flushing]);
  }
}
