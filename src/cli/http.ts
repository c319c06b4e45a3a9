// The server's sockets, by Node's own http (Deno has it too): heads are asked about before a body is read, bodies are bounded in size and
// time, replies go out as they come, and a client that goes away aborts its request.

import { createHash, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { hostname, networkInterfaces } from 'node:os';
import { type Api, tooLarge, tooSlow } from '../commands/serve/api.ts';
import type { Listen, ListensAt } from '../commands/serve/listen.ts';
import type { Reply } from '../commands/serve/service.ts';

/** How long a client may take for its head and for the end of a refused body, in milliseconds; and connections at most. */
const HEAD_MS = 60_000;
const DRAIN_MS = 1000;
/** A server that was at work itself when a body's time was over reads on for so long: all of it may be there. */
const GRACE_MS = 200;
const CONNECTIONS = 1024;

/** Listens. Throws where the port is taken or the host is none of this machine's. */
export const listen: Listen = async (make, { host, port, ...of }) => {
  let api: Api | undefined;
  const limits = { headersTimeout: HEAD_MS, requestTimeout: 0, maxHeaderSize: 16 << 10 };
  const server = createServer(limits, (request, response) => {
    answer(api!, request, response, of).catch(() => response.destroy());
  });
  server.maxConnections = CONNECTIONS;
  await new Promise<void>((there, failed) => {
    server.once('error', (e: NodeJS.ErrnoException) => failed(cannotListen(e, host, port)));
    server.listen(port, host, there);
  });
  const at = (server.address() as { port: number }).port;
  api = make({ hosts: hostsOf(host).flatMap((name) => (at === 80 ? [name, `${name}:80`] : [`${name}:${at}`])), same });
  return { url: `http://${inUrl(host)}:${at}`, close: () => closed(server) };
};

type OfBody = Pick<ListensAt, 'body' | 'bodySeconds'>;

async function answer(api: Api, request: IncomingMessage, response: ServerResponse, of: OfBody): Promise<void> {
  const gone = new AbortController();
  response.on('close', () => gone.abort(new Error('the client went away')));
  response.on('error', () => {});
  const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, [value].flat().join(', ')]));
  const head = { method: request.method ?? '', path: request.url ?? '', headers };
  const early = api.admits(head) ?? tooLarge(Number(headers['content-length'] ?? 0), of.body);
  if (early) return refuse(request, response, early);
  const body = await bodyOf(request, of);
  if (typeof body !== 'string') return refuse(request, response, body);
  await send(response, await api.answers(head, body, gone.signal));
}

/** The body as text; a reply where it is too large or too slow. */
function bodyOf(request: IncomingMessage, { body: most, bodySeconds }: OfBody): Promise<string | Reply> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  let timer: ReturnType<typeof setTimeout>;
  return new Promise<string | Reply>((done, failed) => {
    const late = () => done(tooSlow(bodySeconds));
    timer = setTimeout(() => {
      timer = setTimeout(late, GRACE_MS);
    }, 1000 * bodySeconds);
    request.on('data', (part: Uint8Array) => {
      bytes += part.length;
      const large = tooLarge(bytes, most);
      if (large) done(large);
      else parts.push(part);
    });
    request.on('end', () => done(new TextDecoder().decode(Buffer.concat(parts))));
    request.on('error', failed);
    request.on('close', () => failed(new Error('the client went away')));
  }).finally(() => clearTimeout(timer));
}

async function send(
  response: ServerResponse,
  { status, headers, body }: Reply,
  more: Record<string, string> = {},
): Promise<void> {
  const all = {
    'content-type': 'application/json',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...headers,
    ...more,
  };
  if (typeof body === 'string') {
    const bytes = Buffer.from(body);
    response.writeHead(status, { ...all, 'content-length': String(bytes.length) });
    response.end(bytes);
    return;
  }
  response.writeHead(status, all);
  for await (const part of body) {
    if (response.destroyed) break;
    if (!response.write(part)) await Promise.race([once(response, 'drain'), once(response, 'close')]);
  }
  response.end();
}

/** Answers without having read the body; what still comes of it is let go for a moment, so that the client can read the answer. */
async function refuse(request: IncomingMessage, response: ServerResponse, reply: Reply): Promise<void> {
  await send(response, reply, { connection: 'close' });
  request.resume();
  const end = setTimeout(() => request.destroy(), DRAIN_MS);
  response.on('close', () => clearTimeout(end));
}

async function closed(server: Server): Promise<void> {
  const all = new Promise<void>((over) => server.close(() => over()));
  server.closeIdleConnections();
  const last = setTimeout(() => server.closeAllConnections(), DRAIN_MS);
  await all;
  clearTimeout(last);
}

function cannotListen({ code, message }: NodeJS.ErrnoException, host: string, port: number): Error {
  if (code === 'EADDRINUSE')
    return new Error(
      `expected port ${port} of ${host} to be free, got one that another program listens at; stop that, or give another by --port.`,
    );
  if (code === 'EACCES')
    return new Error(`expected a port that may be listened at, got ${port}, which may not; give one from 1024 on by --port.`);
  return new Error(
    `expected an address of this machine as --host, got ${host} (${message}); give one of its own, or leave it out.`,
  );
}

// --- addresses ------------------------------------------------------------------------------------------------------------

/** The names by which a server at this host is asked. */
function hostsOf(host: string): string[] {
  if (host === '0.0.0.0' || host === '::') {
    const own = Object.values(networkInterfaces()).flatMap((all) => (all ?? []).map(({ address }) => inUrl(address)));
    return [...new Set(['localhost', hostname().toLowerCase(), ...own])];
  }
  const loopback = host === '::1' || host === 'localhost' || host.startsWith('127.');
  return [
    ...new Set([
      inUrl(host).toLowerCase(),
      ...(loopback ? ['localhost'] : []),
      ...(host === 'localhost' ? ['127.0.0.1', '[::1]'] : []),
    ]),
  ];
}

const inUrl = (host: string) => (host.includes(':') ? `[${host}]` : host);

/** Whether two keys are equal; the time it takes says nothing of where they differ. */
function same(a: string, b: string): boolean {
  const [x, y] = [a, b].map((key) => createHash('sha256').update(key).digest());
  return timingSafeEqual(x, y);
}
