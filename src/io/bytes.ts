// Where bytes come from: a file on disk, a Blob, memory or a web address, behind one interface of ranged reads, and folders
// of such files. Knows no formats. The only file here that may name a runtime; writing to disk is in write.ts.
import { HEAD_BYTES, openWeb } from './web.ts';

/** Bytes at a place. `read` answers exactly `length` bytes or throws; `close` frees what the place holds. */
export interface Source {
  name: string;
  size: number;
  /** What its server calls these bytes (an ETag): other bytes are called otherwise. */
  version?: string;
  read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
  close(): Promise<void>;
}

/** Files side by side. `file` answers undefined where there is none; `list` where the place cannot be listed. */
export interface Folder {
  name: string;
  file(name: string): Promise<Source | undefined>;
  list(): Promise<string[] | undefined>;
}

export interface PlaceOptions {
  /** Host of `hf:OWNER/NAME`. */
  hub?: string;
  /** Told what a person should know, such as a server that ignores ranges. */
  note?: (text: string) => void;
}

/** Finds what a person wrote: `hf:OWNER/NAME`, an http(s) address, or a path on disk; a Folder or a single file. */
export async function openPlace(where: string, options: PlaceOptions = {}): Promise<{ folder: Folder } | { source: Source }> {
  const url = webAddress(where, options.hub ?? 'https://huggingface.co');
  if (!url) return openDisk(where);
  if (!FILES.includes(endingOf(url))) return { folder: webFolder(url, options) };
  const source = await openUrl(url, options);
  if (!source) throw new Error(`expected a file at ${url}, got HTTP 404; check the address`);
  return { source };
}

/** The ending of a place's name in small letters, without the dot; of a web address, of its path: on disk ? and # are letters. */
export function endingOf(name: string): string {
  const path = /^https?:\/\//i.test(name) ? name.split(/[?#]/)[0] : name;
  return /\.(\w+)$/.exec(path)?.[1].toLowerCase() ?? '';
}

/** The bytes of an array as a Source; nothing is copied until read. */
export function memorySource(bytes: Uint8Array<ArrayBuffer>, name = 'memory'): Source {
  return {
    name,
    size: bytes.length,
    close: async () => {},
    async read(offset, length) {
      checkRange(name, bytes.length, offset, length);
      return bytes.subarray(offset, offset + length);
    },
  };
}

/** A Blob or File (a dropped file, OPFS) as a Source. */
export function blobSource(blob: Blob, name = (blob as File).name ?? 'blob'): Source {
  return {
    name,
    size: blob.size,
    close: async () => {},
    async read(offset, length) {
      checkRange(name, blob.size, offset, length);
      return new Uint8Array(await blob.slice(offset, offset + length).arrayBuffer());
    },
  };
}

/** Named Blobs (a dropped folder) as a Folder. */
export function blobFolder(files: Map<string, Blob>, name = 'folder'): Folder {
  return {
    name,
    file: async (file) => (files.has(file) ? blobSource(files.get(file)!, file) : undefined),
    list: async () => [...files.keys()],
  };
}

/** A file on disk as a Source; an error names a path that is missing or is no plain file. */
export async function diskSource(path: string): Promise<Source> {
  const { open } = await nodeFs();
  const handle = await open(path, 'r').catch((e: Error) => {
    throw new Error(`expected a readable file at ${path}, got: ${e.message}; check the path`);
  });
  const size = (await handle.stat()).size;
  let closed = false;
  return {
    name: path,
    size,
    async read(offset, length) {
      checkRange(path, size, offset, length);
      const bytes = new Uint8Array(length);
      for (let done = 0; done < length; ) {
        const { bytesRead } = await handle.read(bytes, done, length - done, offset + done);
        if (bytesRead === 0)
          throw new Error(`expected ${size} bytes in ${path}, got ${offset + done}: it shrank while being read`);
        done += bytesRead;
      }
      return bytes;
    },
    async close() {
      if (!closed) await handle.close();
      closed = true;
    },
  };
}

/** A folder on disk. */
export function diskFolder(path: string): Folder {
  return {
    name: path,
    async file(name) {
      const { stat } = await nodeFs();
      const found = await stat(`${path}/${name}`).catch(() => undefined);
      return found?.isFile() ? diskSource(`${path}/${name}`) : undefined;
    },
    list: async () => (await (await nodeFs()).readdir(path)).sort(),
  };
}

/** A web address of a folder: its files are the names below it; it cannot be listed. */
function webFolder(base: string, options: PlaceOptions = {}): Folder {
  const root = base.endsWith('/') ? base : `${base}/`;
  return { name: base, file: (name) => openUrl(new URL(name, root).href, options), list: async () => undefined };
}

/** A web address read by ranges; whole, with a note, where the server ignores them; undefined on 404 or for a web page. */
export async function openUrl(url: string, options: PlaceOptions = {}): Promise<Source | undefined> {
  const file = await openWeb(url);
  if (!file) return undefined;
  if ('whole' in file) {
    const { whole } = file;
    const note = options.note ?? console.warn;
    if (whole.length > HEAD_BYTES)
      note(`${url}: the server ignores ranges, so all ${whole.length} bytes were fetched into memory`);
    return { ...memorySource(whole, url), version: file.etag };
  }
  const { size, etag, read } = file;
  return {
    name: url,
    size,
    version: etag,
    close: async () => {},
    async read(offset, length) {
      checkRange(url, size, offset, length);
      return read(offset, length);
    },
  };
}

/** The whole text of a Source; bytes that are not UTF-8 are an error. */
export async function readText(source: Source): Promise<string> {
  if (source.size > MAX_TEXT)
    throw new Error(`expected at most ${MAX_TEXT} bytes of text in ${source.name}, got ${source.size}; it is another file`);
  const bytes = await source.read(0, source.size);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new Error(`expected UTF-8 text in ${source.name}, got other bytes; save it as UTF-8`);
  }
}

/** A JSON object in a Source; the error names the file. */
export async function readJson(source: Source): Promise<Record<string, any>> {
  const text = await readText(source);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (e) {
    throw new Error(`expected JSON in ${source.name}, got: ${(e as Error).message}; the file is damaged or cut short`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Error(`expected a JSON object in ${source.name}, got ${Array.isArray(value) ? 'an array' : JSON.stringify(value)}`);
  return value as Record<string, any>;
}

// What a single file that is asked for is called by; an address with another ending is a folder's.
const FILES = ['gguf', 'safetensors', 'json', 'jsonl', 'ndjson', 'csv', 'tsv', 'txt', 'parquet'];

/** Of a file that is read as one text: configs, tokenizers, templates. */
const MAX_TEXT = 1 << 28;

function checkRange(name: string, size: number, offset: number, length: number): void {
  if (!(offset >= 0 && length >= 0 && offset + length <= size))
    throw new Error(`expected bytes ${offset} to ${offset + length} of ${name}, got a file of ${size} bytes; it is cut short`);
}

/**
 * The disk, where there is one: asked of the process, for an import would be followed by bundlers for the browser.
 * @internal
 */
export async function nodeFs(): Promise<typeof import('node:fs/promises')> {
  const { process } = globalThis as { process?: NodeJS.Process };
  const fs = process?.getBuiltinModule?.('node:fs/promises');
  if (!fs) throw new Error('expected a disk, got a page, which has none; give files, folders or addresses instead of paths');
  return fs;
}

/**
 * Node's and Deno's codecs by name, as far as their version has them; a page has none.
 * @internal
 */
export const nodeZlib = (): Record<string, ((bytes: Uint8Array, o: { maxOutputLength: number }) => Uint8Array) | undefined> =>
  ((globalThis as { process?: NodeJS.Process }).process?.getBuiltinModule?.('node:zlib') as any) ?? {};

/**
 * A running SHA-256, where the runtime has one.
 * @internal
 */
export function nodeHash(): import('node:crypto').Hash | undefined {
  const { process } = globalThis as { process?: Partial<NodeJS.Process> };
  const crypto = process?.getBuiltinModule?.('node:crypto') as typeof import('node:crypto') | undefined;
  return crypto?.createHash?.('sha256');
}

/**
 * This process, where there is one: what a lock says of its owner.
 * @internal
 */
export function nodeProcess(): { pid?: number; host?: string; alive: (pid: number) => boolean } {
  const { process } = globalThis as { process?: Partial<NodeJS.Process> };
  const os = process?.getBuiltinModule?.('node:os') as typeof import('node:os') | undefined;
  return {
    pid: process?.pid,
    host: os?.hostname?.(),
    alive(pid) {
      try {
        process!.kill!(pid, 0);
        return !isZombie(pid);
      } catch (e) {
        return (e as { code?: string }).code === 'EPERM'; // another's, and alive
      }
    },
  };
}

/** Dead, but not yet taken note of by whoever started it: in a container without an init, never. Linux alone says so. */
function isZombie(pid: number): boolean {
  const { process } = globalThis as { process?: Partial<NodeJS.Process> };
  const fs = process?.getBuiltinModule?.('node:fs') as typeof import('node:fs') | undefined;
  try {
    return /\) Z/.test(fs!.readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

async function openDisk(path: string): Promise<{ folder: Folder } | { source: Source }> {
  const { stat } = await nodeFs();
  const found = await stat(path).catch(() => undefined);
  if (!found) throw new Error(`expected a file or folder at ${path}, got nothing there; check the path`);
  return found.isDirectory() ? { folder: diskFolder(path) } : { source: await diskSource(path) };
}

function webAddress(where: string, hub: string): string | undefined {
  const name = /^hf:([\w.-]+\/[\w.-]+)$/.exec(where)?.[1];
  if (name) return `${hub.replace(/\/+$/, '')}/${name}/resolve/main/`;
  if (where.startsWith('hf:')) throw new Error(`expected hf:OWNER/NAME, got ${where}`);
  if (/^https?:\/\//i.test(where)) {
    if (!URL.canParse(where)) throw new Error(`expected an address such as https://HOST/FOLDER/, got ${where}; correct it`);
    return where;
  }
  // A page has no disk: its plain names are addresses relative to it.
  return 'process' in globalThis ? undefined : new URL(where, globalThis.location.href).href;
}
