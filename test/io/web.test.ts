// Files from servers that lie, break off, change the file, ignore ranges or lead elsewhere: the right bytes, or an error that says
// what was wrong. Never other bytes, and never more than was asked for.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { openUrl } from '../../src/io/bytes.ts';

const BYTES = Uint8Array.from({ length: 300_000 }, (_, i) => (i * 7 + (i >> 8)) & 255);
const N = BYTES.length;
let server: Server;
let base: string;
let asked: { from: number; to: number }[] = [];

interface Asked {
  from: number;
  to: number;
  /** How often this address was asked before. */
  before: number;
  response: ServerResponse;
}
const range = (from: number, to: number, size: number | string = N) => ({ 'content-range': `bytes ${from}-${to}/${size}` });
const sound = ({ from, to, response }: Asked, headers: Record<string, string> = {}) =>
  response.writeHead(206, { ...range(from, to), ...headers }).end(BYTES.subarray(from, to + 1));
const chunked = (response: ServerResponse, bytes: Uint8Array) => {
  response.writeHead(200, { 'transfer-encoding': 'chunked' });
  response.write(bytes.subarray(0, 1000));
  response.end(bytes.subarray(1000));
};
const lead =
  (to: string) =>
  ({ response }: Asked) =>
    void response.writeHead(302, { location: to }).end();

const SERVERS: Record<string, (a: Asked) => unknown> = {
  'no-range-led-away': ({ response }) => response.writeHead(206).end('xy'),
  silent: () => {},
  'silent-later': (a) => (a.from === 0 ? sound(a) : undefined),
  breaks: (a) => {
    const { from, to, response } = a;
    // half of what is asked for, then the connection is gone; at first nothing comes
    response.writeHead(206, { ...range(from, to), 'content-length': String(to - from + 1) });
    if (a.from === 0) return response.end(BYTES.subarray(from, to + 1));
    response.write(BYTES.subarray(from, from + Math.ceil((to - from + 1) / 2)), () => setTimeout(() => response.destroy(), 20));
  },
  shorter: (a) => (a.from === 0 ? sound(a) : sound({ ...a, to: Math.min(a.to, a.from + 49_999) })),
  'breaks-for-good': (a) => {
    if (a.from === 0) return sound(a);
    a.response.writeHead(206, range(a.from, a.to)).flushHeaders();
    setTimeout(() => a.response.destroy(), 5);
  },
  'ignores-later': (a) => (a.from === 0 ? sound(a) : a.response.writeHead(200, { 'content-length': String(N) }).end(BYTES)),
  'ignores-later-other-size': (a) => (a.from === 0 ? sound(a) : a.response.writeHead(200).end(BYTES.subarray(5))),
  'ignores-later-without-length': (a) => (a.from === 0 ? sound(a) : chunked(a.response, BYTES)),
  'ignores-later-without-length-other-size': (a) => (a.from === 0 ? sound(a) : chunked(a.response, BYTES.subarray(5))),
  changes: (a) => sound(a, { etag: a.before ? '"b"' : '"a"' }),
  'changes-its-size': (a) =>
    a.before ? a.response.writeHead(206, range(a.from, a.to, N + 1)).end(BYTES.subarray(a.from, a.to + 1)) : sound(a),
  'weak-tags': (a) => sound(a, { etag: `W/"${a.before}"` }),
  elsewhere: (a) =>
    a.from === 0 ? sound(a) : a.response.writeHead(206, range(a.from - 1, a.to - 1)).end(BYTES.subarray(a.from - 1, a.to)),
  longer: (a) =>
    a.from === 0 ? sound(a) : a.response.writeHead(206, range(a.from, a.to + 1)).end(BYTES.subarray(a.from, a.to + 2)),
  'not-from-0': (a) => sound({ ...a, from: 5 }),
  units: (a) => a.response.writeHead(206, { 'content-range': `pages 0-1/2` }).end('xy'),
  backwards: (a) => a.response.writeHead(206, range(9, 3)).end('xy'),
  beyond: (a) => a.response.writeHead(206, range(0, 9, 5)).end('xy'),
  parts: (a) => a.response.writeHead(206, { 'content-type': 'multipart/byteranges; boundary=x' }).end('--x'),
  'whole-short': ({ response }) => {
    response.writeHead(200, { 'content-length': '1000' });
    response.write('x', () => setTimeout(() => response.destroy(), 20));
  },
  'whole-huge': ({ response }) => void response.writeHead(200, { 'content-length': String(2 ** 40) }).write('x'),
  ...Object.fromEntries([0, 1, 2, 3, 4, 5, 6, 7].map((n) => [`hop${n}`, n === 0 ? sound : lead(`hop${n - 1}`)])),
  circle: lead('circle'),
  file: lead('file:///etc/passwd'),
  data: lead('data:text/plain,x'),
  ftp: lead('ftp://127.0.0.1/x'),
  nowhere: (a) => a.response.writeHead(302).end(),
  sound,
};
const seen = new Map<string, number>();

beforeAll(async () => {
  server = createServer((request: IncomingMessage, response) => {
    const name = request.url!.slice(1);
    const [from = 0, to = N - 1] =
      /bytes=(\d+)-(\d+)/
        .exec(request.headers.range ?? '')
        ?.slice(1)
        .map(Number) ?? [];
    if (request.method === 'HEAD' && name === 'no-range-led-away')
      return response.writeHead(302, { location: 'ftp://127.0.0.1/x' }).end();
    if (request.method === 'HEAD' || !SERVERS[name]) return response.writeHead(404).end();
    asked.push({ from, to });
    const before = seen.get(name) ?? 0;
    seen.set(name, before + 1);
    SERVERS[name]({ from, to: Math.min(to, N - 1), before, response });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.close();
  server.closeAllConnections();
});

const read = async (name: string) => {
  asked = [];
  const source = (await openUrl(`${base}/${name}`, { note: () => {} }))!;
  return { size: source.size, bytes: await source.read(100_000, 150_000) };
};

test.each(['sound', 'breaks', 'shorter', 'ignores-later', 'ignores-later-without-length', 'weak-tags', 'hop5'])(
  '%s: the right bytes',
  async (name) => {
    const { size, bytes } = await read(name);
    expect(size).toBe(N);
    expect(Buffer.compare(bytes, BYTES.subarray(100_000, 250_000))).toBe(0);
  },
);

test('what broke off is gone on from, not read again', async () => {
  await read('breaks');
  const later = asked.filter(({ from }) => from > 0);
  expect(later.length).toBeGreaterThan(2);
  expect(later.every(({ from, to }, i) => to === 249_999 && (i === 0 || from > later[i - 1].from))).toBe(true);
});

test.each([
  ['breaks-for-good', 'expected 150000 bytes at 100000 of'],
  ['ignores-later-other-size', 'to stay the same while it is read'],
  ['ignores-later-without-length-other-size', 'to stay the same while it is read'],
  ['changes', 'to stay the same while it is read'],
  ['changes-its-size', 'to stay the same while it is read'],
  ['elsewhere', 'expected bytes 100000 to 249999'],
  ['longer', 'expected bytes 100000 to 249999'],
  ['not-from-0', 'expected bytes 0 to'],
  ['units', 'expected a Content-Range of bytes'],
  ['backwards', 'expected a Content-Range of bytes'],
  ['beyond', 'expected a Content-Range of bytes'],
  ['parts', 'Content-Range or Content-Length header'],
  ['whole-short', /expected (1000 bytes|an answer)|terminated|closed|aborted|body/],
  ['whole-huge', 'a server that ignores ranges; download the file'],
  ['hop6', 'expected at most 5 redirects'],
  ['circle', 'expected at most 5 redirects'],
  ['file', 'expected an http or https address'],
  ['data', 'expected an http or https address'],
  ['ftp', 'expected an http or https address'],
  ['nowhere', 'got HTTP 302'],
])('%s is an error', async (name, message) => {
  await expect(read(name)).rejects.toThrow(message);
});

test.each(['silent', 'silent-later'])(
  '%s: a server that takes a question and never answers is given up after a minute',
  async (name) => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const before = seen.get(name) ?? 0;
      const reading = read(name).catch((e: Error) => e.message);
      const questions = name === 'silent' ? 1 : 2;
      await vi.waitFor(() => expect(seen.get(name)).toBe(before + questions));
      vi.advanceTimersByTime(59_000);
      expect(await Promise.race([reading, new Promise((next) => setImmediate(() => next('waiting')))])).toBe('waiting');
      vi.advanceTimersByTime(1000);
      expect(await reading).toBe(
        `expected an answer from ${base}/${name}, got nothing for 60 s; check the network and try again`,
      );
    } finally {
      vi.useRealTimers();
    }
  },
);

test('the size that a question for it leads to is held to the same rules', async () => {
  await expect(read('no-range-led-away')).rejects.toThrow('expected an http or https address');
});

test.each(['file:///etc/passwd', 'ftp://127.0.0.1/x', 'data:text/plain,x', 'blob:x'])('%s is no address', async (url) => {
  await expect(openUrl(url)).rejects.toThrow('expected an http or https address');
});
