// Where bytes come from: a file on disk, a Blob, memory or a web address, behind one interface of ranged reads, and folders
// of such files. Knows no formats. The only file here that may name a runtime; writing to disk is in write.ts.

/** Bytes at a place. `read` answers exactly `length` bytes or throws; `close` frees what the place holds. */
export interface Source {
  name: string;
  size: number;
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
  const first = await fetchRange(url, 0, HEAD_BYTES);
  if (first.status === 404) return undefined;
  // A server of single-page apps answers every address with its page: no model, data or tokenizer file is HTML.
  if (first.ok && first.headers.get('content-type')?.startsWith('text/html')) return undefined;
  if (first.status === 416) return memorySource(new Uint8Array(0), url);
  if (first.status === 200) {
    const bytes = new Uint8Array(await first.arrayBuffer());
    const note = options.note ?? console.warn;
    if (bytes.length > HEAD_BYTES)
      note(`${url}: the server ignores ranges, so all ${bytes.length} bytes were fetched into memory`);
    return memorySource(bytes, url);
  }
  if (first.status !== 206) throw httpError(url, first);
  const head = new Uint8Array(await first.arrayBuffer());
  const size = Number(/\/(\d+)$/.exec(first.headers.get('content-range') ?? '')?.[1] ?? (await contentLength(url)));
  return {
    name: url,
    size,
    close: async () => {},
    async read(offset, length) {
      checkRange(url, size, offset, length);
      if (offset + length <= head.length) return head.slice(offset, offset + length);
      const response = await fetchRange(url, offset, length);
      if (response.status !== 206) throw httpError(url, response);
      const bytes = new Uint8Array(await response.arrayBuffer());
      if (bytes.length !== length)
        throw new Error(`expected ${length} bytes at ${offset} of ${url}, got ${bytes.length}; try again`);
      return bytes;
    },
  };
}

/** The whole text of a Source; bytes that are not UTF-8 are an error. */
export async function readText(source: Source): Promise<string> {
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

const HEAD_BYTES = 1 << 16;

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
  if (/^https?:\/\//i.test(where)) return where;
  // A page has no disk: its plain names are addresses relative to it.
  return 'process' in globalThis ? undefined : new URL(where, globalThis.location.href).href;
}

async function fetchRange(url: string, offset: number, length: number): Promise<Response> {
  const headers = { Range: `bytes=${offset}-${offset + length - 1}`, 'Accept-Encoding': 'identity' };
  for (let attempt = 1; ; attempt++) {
    const response = await fetch(url, { headers }).catch((e: Error) => e);
    const passing = response instanceof Error || response.status === 429 || response.status >= 500;
    if (passing && attempt < 3) await new Promise((done) => setTimeout(done, 300 * attempt));
    else if (response instanceof Error)
      throw new Error(`expected an answer from ${url}, got: ${response.message}; check the network`);
    else return response;
  }
}

async function contentLength(url: string): Promise<number> {
  const length = (await fetch(url, { method: 'HEAD' })).headers.get('content-length');
  if (!length) throw new Error(`expected a Content-Range or Content-Length header from ${url}, got neither; download the file`);
  return Number(length);
}

function httpError(url: string, response: Response): Error {
  return new Error(
    `expected ${url}, got HTTP ${response.status} ${response.statusText}; check the address and your access to it`,
  );
}
