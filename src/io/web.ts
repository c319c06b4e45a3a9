// A file at a web address, read by ranges from a server that may be anything: each answer is held against what was asked, the file
// must stay the same throughout, what breaks off goes on from where it was, and nothing is read beyond what was asked for.
// Knows addresses and bytes; Sources and Folders are bytes.ts.

/** A file by ranges, or whole where the server ignores them. */
export type WebFile = { etag?: string } & (
  | { whole: Uint8Array<ArrayBuffer> }
  | { size: number; read: (offset: number, length: number) => Promise<Uint8Array<ArrayBuffer>> }
);

/** The file at an address; undefined on 404 and for a web page, which no model, data or tokenizer file is. */
export async function openWeb(url: string): Promise<WebFile | undefined> {
  const first = await ask(url, 0, HEAD_BYTES);
  const { status, headers } = first;
  if (status === 404 || (first.ok && headers.get('content-type')?.startsWith('text/html'))) {
    await first.body?.cancel();
    return undefined;
  }
  if (status === 416) return { whole: new Uint8Array(0) };
  if (status === 200) return { whole: await wholeOf(url, first), etag: strongTag(headers) };
  if (status !== 206) throw httpError(url, first);
  const said = rangeOf(url, headers);
  if (said && said.from !== 0) throw wrongRange(url, 0, HEAD_BYTES, headers);
  const size = said?.size ?? (await contentLength(url));
  const pinned = { size, etag: strongTag(headers) };
  const head = await bytesOf(url, 0, Math.min(HEAD_BYTES, size), pinned, first);
  return {
    size,
    etag: pinned.etag,
    async read(offset, length) {
      if (offset + length <= head.length) return head.slice(offset, offset + length);
      return bytesOf(url, offset, length, pinned);
    },
  };
}

/** Read at first: most files besides weights are smaller. */
export const HEAD_BYTES = 1 << 16;
/** Of a file that can only be had whole. */
const MAX_WHOLE = 2 ** 31;
const MAX_REDIRECTS = 5;
/** Tries to get one answer, and to go on with one that broke off, without a byte more. */
const TRIES = 3;
/** Without a byte for so long, a connection is given up. */
const SILENT_MS = 60_000;

/** What the file was at first. */
interface Pinned {
  size: number;
  etag?: string;
}

/** Bytes of the file, asked for again from where an answer broke off. */
async function bytesOf(
  url: string,
  offset: number,
  length: number,
  pinned: Pinned,
  first?: Response,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length);
  let answer = first;
  let done = 0;
  for (let tries = 0; done < length; ) {
    answer ??= await ask(url, offset + done, length - done);
    const skip = mustBeAsked(url, answer, offset + done, length - done, pinned);
    const before = done;
    const counted = answer.status === 200 && lengthOf(answer.headers) === undefined;
    const broke = await collect(answer, bytes, done, skip, counted).then(
      ({ end, beyond }) => {
        done = end;
        if (counted && done === length && offset + length + beyond !== pinned.size)
          throw otherVersion(url, offset + length + beyond);
      },
      (e: { at: number; cause: Error }) => {
        done = e.at;
        return e.cause;
      },
    );
    answer = undefined;
    if (done === length) break;
    tries = done > before ? 0 : tries + 1;
    if (tries >= TRIES)
      throw new Error(
        `expected ${length} bytes at ${offset} of ${url}, got ${done}${broke ? ` (${broke.message})` : ''}; check the network and try again`,
      );
  }
  return bytes;
}

/** Bytes of an answer before those that were asked for: a server, or a proxy before it, that ignores ranges sends all. */
function mustBeAsked(url: string, answer: Response, offset: number, length: number, pinned: Pinned): number {
  const { status, headers } = answer;
  if (status !== 206 && status !== 200) throw httpError(url, answer);
  const etag = strongTag(headers);
  const said = status === 206 ? rangeOf(url, headers) : undefined;
  const size = said?.size ?? (status === 200 ? lengthOf(headers) : undefined) ?? pinned.size;
  if ((pinned.etag && etag && etag !== pinned.etag) || size !== pinned.size) throw otherVersion(url, size, etag);
  // an end before the one asked for is gone on from; one beyond it or another place is a wrong answer
  if (said && (said.from !== offset || said.to >= offset + length)) throw wrongRange(url, offset, length, headers);
  return status === 200 ? offset : 0;
}

/**
 * Reads an answer into `bytes` from `at` until they are full, or to its end to count what lies beyond them; answers where it ended.
 * Throws {at, cause} where it broke off.
 */
async function collect(answer: Response, bytes: Uint8Array, at: number, skip: number, toEnd: boolean) {
  const reader = answer.body?.getReader();
  let beyond = 0;
  try {
    while (reader && (toEnd || at < bytes.length)) {
      const { value, done } = await withinTime(reader.read());
      if (done) break;
      const part = value.subarray(Math.min(skip, value.length));
      skip -= value.length - part.length;
      const taken = part.subarray(0, bytes.length - at);
      bytes.set(taken, at);
      at += taken.length;
      beyond += part.length - taken.length;
    }
  } catch (cause) {
    throw { at, cause };
  } finally {
    await reader?.cancel().catch(() => {});
  }
  return { end: at, beyond };
}

/** What an answer says of its length; nothing where that is of compressed bytes. */
function lengthOf(headers: Headers): number | undefined {
  const said = headers.get('content-length');
  return said === null || headers.get('content-encoding') ? undefined : Number(said);
}

async function wholeOf(url: string, answer: Response): Promise<Uint8Array<ArrayBuffer>> {
  const said = lengthOf(answer.headers) ?? 0;
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let length = 0;
  const reader = answer.body?.getReader();
  while (reader && said <= MAX_WHOLE && length <= MAX_WHOLE) {
    const { value, done } = await withinTime(reader.read());
    if (done) break;
    parts.push(value);
    length += value.length;
  }
  if (said > MAX_WHOLE || length > MAX_WHOLE) {
    await reader?.cancel();
    throw new Error(
      `expected ranges or at most ${MAX_WHOLE} bytes from ${url}, got a server that ignores ranges; download the file`,
    );
  }
  if (said && length !== said) throw new Error(`expected ${said} bytes from ${url}, got ${length}: it broke off; try again`);
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** One answer to a range; a server that is down for a moment is asked again. */
async function ask(url: string, offset: number, length: number): Promise<Response> {
  const headers = { Range: `bytes=${offset}-${offset + length - 1}`, 'Accept-Encoding': 'identity' };
  for (let attempt = 1; ; attempt++) {
    const response = await follow(url, headers).catch((e: Error) => e);
    const passing =
      response instanceof TypeError || (!(response instanceof Error) && (response.status === 429 || response.status >= 500));
    if (passing && attempt < TRIES) await new Promise((done) => setTimeout(done, 300 * attempt));
    else if (response instanceof TypeError)
      throw new Error(`expected an answer from ${url}, got: ${response.message}; check the network`);
    else if (response instanceof Error) throw response;
    else return response;
  }
}

/** Follows a few redirects, and none from https to http. A browser follows by itself, and says nothing of them. */
async function follow(url: string, headers: Record<string, string>, method = 'GET'): Promise<Response> {
  let at = mustBeWeb(url, url);
  for (let n = 0; ; n++) {
    const response = await answerOf(url, at, { method, headers, redirect: 'manual' });
    if (response.type === 'opaqueredirect') return answerOf(url, at, { method, headers });
    const to = response.headers.get('location');
    if (response.status < 300 || response.status >= 400 || response.status === 304 || to === null) return response;
    await response.body?.cancel();
    if (n === MAX_REDIRECTS)
      throw new Error(`expected at most ${MAX_REDIRECTS} redirects from ${url}, got another to ${shown(to)}`);
    const next = mustBeWeb(new URL(to, at).href, url);
    if (at.startsWith('https:') && !next.startsWith('https:'))
      throw new Error(`expected ${url} to stay with https, got a redirect to ${shown(next)}`);
    at = next;
  }
}

/** An answer, as soon as it begins: a server that takes a question and says nothing is given up. */
async function answerOf(url: string, at: string, how: RequestInit): Promise<Response> {
  const stop = new AbortController();
  const silent = new Error(
    `expected an answer from ${url}, got nothing for ${SILENT_MS / 1000} s; check the network and try again`,
  );
  const timer = setTimeout(() => stop.abort(silent), SILENT_MS);
  try {
    return await fetch(at, { ...how, signal: stop.signal });
  } catch (e) {
    throw stop.signal.aborted ? silent : e;
  } finally {
    clearTimeout(timer);
  }
}

function mustBeWeb(address: string, from: string): string {
  if (/^https?:\/\//i.test(address)) return new URL(address).href;
  throw new Error(`expected an http or https address from ${from}, got ${shown(address)}`);
}

async function contentLength(url: string): Promise<number> {
  const length = Number((await follow(url, {}, 'HEAD')).headers.get('content-length') ?? 'none');
  if (!Number.isSafeInteger(length))
    throw new Error(`expected a Content-Range or Content-Length header from ${url}, got neither; download the file`);
  return length;
}

/** What an answer says of its place; undefined where it says nothing, or a browser hides it. */
function rangeOf(url: string, headers: Headers): { from: number; to: number; size?: number } | undefined {
  const said = headers.get('content-range');
  if (said === null) return undefined;
  const found = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(said);
  const [from, to, size] = (found?.slice(1) ?? []).map(Number);
  if (!found || !(from <= to) || size <= to || [from, to].some((n) => !Number.isSafeInteger(n)))
    throw new Error(`expected a Content-Range of bytes from ${url}, got ${shown(said)}; download the file`);
  return { from, to, size: Number.isSafeInteger(size) ? size : undefined };
}

/** A weak tag may differ where the bytes do not. */
function strongTag(headers: Headers): string | undefined {
  const tag = headers.get('etag');
  return tag === null || tag.startsWith('W/') ? undefined : tag;
}

function withinTime<T>(reading: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout>;
  const silent = new Promise<never>((_, fail) => {
    timer = setTimeout(() => fail(new Error(`nothing came for ${SILENT_MS / 1000} s`)), SILENT_MS);
  });
  return Promise.race([reading, silent]).finally(() => clearTimeout(timer));
}

const otherVersion = (url: string, size: number, etag = 'none') =>
  new Error(
    `expected ${url} to stay the same while it is read, got another version of it (${size} bytes, ETag ${etag}); start again`,
  );

const wrongRange = (url: string, offset: number, length: number, headers: Headers) =>
  new Error(
    `expected bytes ${offset} to ${offset + length - 1} of ${url}, got ${shown(headers.get('content-range'))}; download the file`,
  );

const httpError = (url: string, { status, statusText }: Response) =>
  new Error(`expected ${url}, got HTTP ${status} ${statusText}; check the address and your access to it`);

const shown = (text: string | null) => JSON.stringify(text?.slice(0, 120) ?? 'nothing');
