// The server's sockets without a model: bodies that do not come or do not end, and what is not HTTP at all. Who sent them is told, in
// OpenAI's form where it is HTTP, and others are answered meanwhile.
import { connect } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { listen } from '../../src/cli/http.ts';
import type { Api } from '../../src/commands/serve/api.ts';

const BODY = 1 << 16;
/** Answers with the number of bytes it was sent. */
const api: Api = {
  admits: () => null,
  answers: async (_, body) => ({ status: 200, body: JSON.stringify({ bytes: body.length }) }),
};
let server: Awaited<ReturnType<typeof listen>>;
beforeAll(async () => {
  server = await listen(() => api, { host: '127.0.0.1', port: 0, body: BODY, bodySeconds: 0.3 });
});
afterAll(() => server.close());

const port = () => Number(new URL(server.url).port);

/** Sends text a piece at a time, and answers all that comes back until the server closes, and after how many milliseconds. */
function send(pieces: string[], pauseMs = 50): Promise<{ text: string; ms: number }> {
  const since = performance.now();
  const socket = connect(port(), '127.0.0.1');
  let text = '';
  socket.on('data', (part) => (text += part));
  socket.on('error', () => {});
  (async () => {
    for (const piece of pieces) {
      if (socket.destroyed) return;
      socket.write(piece);
      await new Promise((next) => setTimeout(next, pauseMs));
    }
  })();
  return new Promise((done) => socket.on('close', () => done({ text, ms: performance.now() - since })));
}

const head = (more: string) =>
  `POST /v1/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n${more}\r\n\r\n`;
const errorIn = (text: string) => JSON.parse(text.slice(text.indexOf('\r\n\r\n'))).error;

test.each([
  ['is cut short', [head('Content-Length: 50'), '{"pro']],
  ['comes a byte at a time', [head('Content-Length: 5000'), ...Array<string>(100).fill('{')]],
  ['has no last chunk', [head('Transfer-Encoding: chunked'), '2\r\n{}\r\n']],
])('a body that %s is answered 408, in time', async (_, pieces) => {
  const { text, ms } = await send(pieces);
  expect(text).toMatch(/^HTTP\/1\.1 408 /);
  expect(errorIn(text)).toEqual({
    message: 'expected the whole body within 0.3 s, got a part of it; send it again',
    type: 'timeout_error',
    param: null,
    code: 'timeout',
  });
  expect(ms).toBeLessThan(5000);
});

test('a body in chunks that says no length is answered 413 once it is too large', async () => {
  const chunk = `${BODY.toString(16)}\r\n${' '.repeat(BODY)}\r\n`;
  const { text } = await send([head('Transfer-Encoding: chunked'), chunk, chunk, chunk], 10);
  expect(text).toMatch(/^HTTP\/1\.1 413 /);
  expect(errorIn(text).code).toBe('request_too_large');
});

test.each([
  ['what is no HTTP', ['\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a TLS hello\r\n\r\n']],
  ['two lengths', [head('Content-Length: 2\r\nContent-Length: 3'), '{}']],
  ['a length and chunks', [head('Content-Length: 2\r\nTransfer-Encoding: chunked'), '0\r\n\r\n']],
])('%s is not read', async (_, pieces) => {
  const { text } = await send(pieces);
  expect(text).not.toMatch(/200/);
});

test('and others are answered meanwhile', async () => {
  const slow = send([head('Content-Length: 50'), '{"pro']);
  const answer = await fetch(server.url, { method: 'POST', body: '{"prompt": 1}' });
  expect([answer.status, await answer.json()]).toEqual([200, { bytes: 13 }]);
  await slow;
});
