// A command in Chrome, seen from the host: serves the page that does the work (page.ts), answers what it asks of the disk, and
// reports its lines as its own. Reached under a name that no other program can guess, on the loopback alone.

import { randomUUID } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm, rmdir, stat } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Task } from '../../commands/task.ts';
import type { Verb } from '../../options/table.ts';
import { openChrome } from './browser.ts';
import { type Errand, fromWire, type Outcome, type Stat, toWire } from './wire.ts';

/** The page's files, beside the host's own in dist/. */
const PAGE = join(import.meta.dirname, '../chrome');
/** A page that has not asked for its errand by then will not. */
const START_S = 60;
const HTML = '<!doctype html><meta charset="utf-8"><title>blocktune</title><script type="module" src="page.js"></script>';

/** Runs a verb in headless Chrome; ends, fails and stops as the verb does. */
export async function runInChrome(verb: Verb, task: Task): Promise<void> {
  const { calls, started, ended, end } = answers(verb, task);
  const name = randomUUID();
  const server = createServer((request, response) => serve(name, calls, request, response));
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const chrome = await openChrome(`http://127.0.0.1:${(server.address() as AddressInfo).port}/${name}/`);
  try {
    const silent = setTimeout(
      () => end({ error: `expected Chrome to open its page within ${START_S} s, got nothing` }),
      1000 * START_S,
    );
    started.then(() => clearTimeout(silent));
    const { error } = await Promise.race([ended, chrome.closed]);
    clearTimeout(silent);
    if (error) throw new Error(error);
  } finally {
    await chrome.close();
    server.closeAllConnections();
    server.close();
  }
}

type Call = (args: any[], body: Uint8Array) => unknown;

/** What the page may ask. started: it has asked; ended: what became of the errand, or what `end` is told. */
function answers(verb: Verb, { o, files, report, signal, cache }: Task) {
  const errand: Errand = { verb, options: o.given, files, dirname: import.meta.dirname };
  let end!: (outcome: Outcome) => void;
  let start!: () => void;
  const ended = new Promise<Outcome>((resolve) => (end = resolve));
  const started = new Promise<void>((resolve) => (start = resolve));
  const handles = new Map<number, FileHandle>();
  let next = 0;
  const handle = (id: number) => handles.get(id)!;
  const calls: Record<string, Call> = {
    errand: () => {
      start();
      return errand;
    },
    lines: ([lines]) => lines.forEach(report),
    recall: ([key]) => cache?.get(key),
    keep: ([key, value]) => cache?.set(key, value),
    stopped: () => new Promise<void>((done) => (signal.aborted ? done() : signal.addEventListener('abort', () => done()))),
    end: ([outcome]) => end(outcome),
    stat: async ([path]) => told(await stat(path)),
    readdir: ([path]) => readdir(path),
    mkdir: ([path, how]) => mkdir(path, how),
    rename: ([from, to]) => rename(from, to),
    rm: ([path, how]) => rm(path, how ?? {}),
    rmdir: ([path]) => rmdir(path),
    open: async ([path, flags]) => {
      handles.set(++next, await open(path, flags));
      return next;
    },
    statOpen: async ([id]) => told(await handle(id).stat()),
    read: async ([id, length, position]) => {
      const { buffer, bytesRead } = await handle(id).read(new Uint8Array(length), 0, length, position);
      return buffer.subarray(0, bytesRead);
    },
    write: ([id], body) => handle(id).writeFile(body),
    sync: ([id]) => handle(id).sync(),
    close: async ([id]) => {
      await handle(id).close();
      handles.delete(id);
    },
  };
  return { calls, started, ended, end };
}

const told = (s: { isFile(): boolean; isDirectory(): boolean; size: number }): Stat => ({
  file: s.isFile(),
  folder: s.isDirectory(),
  size: s.size,
});

async function serve(name: string, calls: Record<string, Call>, request: IncomingMessage, response: ServerResponse) {
  const answer = (status: number, type: string, body: string | Uint8Array) => {
    response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(body);
  };
  const [path, query = ''] = request.url!.split('?');
  const [, given, what] = path.split('/');
  if (given !== name) return answer(404, 'text/plain', '');
  try {
    if (request.method === 'GET') {
      if (what === '') return answer(200, 'text/html', HTML);
      if (!/^[\w.-]+\.js$/.test(what)) return answer(404, 'text/plain', '');
      return answer(200, 'text/javascript', await readFile(join(PAGE, what)));
    }
    const body: Uint8Array[] = [];
    for await (const part of request) body.push(part);
    const result = await calls[what](fromWire(decodeURIComponent(query)), Buffer.concat(body));
    if (result instanceof Uint8Array) answer(200, 'application/octet-stream', result);
    else answer(200, 'application/json', toWire(result ?? null));
  } catch (e) {
    const { message, code } = e as NodeJS.ErrnoException;
    answer(500, 'application/json', toWire({ message, code }));
  }
}
