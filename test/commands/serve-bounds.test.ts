// Who may ask a server, and what it refuses: hosts, origins, keys, bodies, fields, models, lengths; clients that go away; and the end.

import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { refused } from '../../src/commands/serve/guard.ts';
import { parseCommand } from '../../src/options/args.ts';
import { root } from '../cli/tiny.ts';
import { ask, goldenFolder, type Server, serve, statusOf } from './served.ts';

const folder = goldenFolder('llama3', 97);
let server: Server;
beforeAll(async () => {
  server = await serve(['--model', folder.model]);
});
afterAll(async () => {
  await server.end();
  folder.free();
});

const complete = (more: object, init: RequestInit = {}) =>
  ask(server, '/v1/completions', { prompt: [5, 6], max_tokens: 2, ...more }, init);

describe('who may ask', () => {
  const port = () => new URL(server.url).port;

  test.each([
    ['127.0.0.1', true],
    ['localhost', true],
    ['LocalHost', true],
    ['evil.example', false],
    ['127.0.0.1.evil.example', false],
    ['127.0.0.1@evil.example', false],
    ['[::1]', false],
    ['0.0.0.0', false],
  ])('host %s: %s', async (host, may) => {
    expect(await statusOf(server, '/v1/models', { host: `${host}:${port()}` })).toBe(may ? 200 : 403);
    expect(await statusOf(server, '/v1/models', { host })).toBe(403); // another port
  });

  test.each([
    ['http://evil.example', 403],
    ['https://127.0.0.1:PORT', 403],
    ['null', 403],
    ['http://127.0.0.1:1', 403],
    ['http://127.0.0.1:PORT', 200],
  ])('origin %s: %i, and no page elsewhere may read', async (origin, status) => {
    const answer = await fetch(`${server.url}/v1/models`, { headers: { origin: origin.replace('PORT', port()) } });
    await answer.text();
    expect(answer.status).toBe(status);
    expect([...answer.headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([]);
  });

  test('where there is a key it is needed, but for whether there is a server', async () => {
    const own = await serve(['--model', folder.model, '--key', 'secret']);
    const status = async (path: string, authorization?: string) =>
      (await ask(own, path, undefined, { headers: { ...(authorization && { authorization }) } })).status;
    expect(await status('/v1/models')).toBe(401);
    for (const wrong of ['Bearer secre', 'Bearer secret2', 'secret', 'Basic secret'])
      expect(await status('/v1/models', wrong)).toBe(401);
    expect(await status('/v1/models', 'Bearer secret')).toBe(200);
    expect(await status('/health')).toBe(200);
    await own.end();
  });

  test('a head without a host may not', () => {
    const guard = { hosts: ['a:1'], same: (a: string, b: string) => a === b };
    expect(refused(guard, { method: 'GET', path: '/', headers: {} })?.status).toBe(403);
    expect(refused(guard, { method: 'GET', path: '/', headers: { host: 'a:1' } })).toBeNull();
  });
});

describe("what is refused, in OpenAI's form", () => {
  test.each<[string, () => ReturnType<typeof ask>, number, { code?: string; param?: string; message: RegExp }]>([
    [
      'an unknown model',
      () => complete({ model: 'gpt-4' }),
      404,
      { code: 'model_not_found', param: 'model', message: /base, got "gpt-4"/ },
    ],
    ['an unknown path', () => ask(server, '/v1/embeddings', {}), 404, { code: 'unknown_url', message: /\/v1\/completions/ }],
    ['another method', () => ask(server, '/v1/models', {}), 405, { message: /expected GET/ }],
    ['no JSON', () => ask(server, '/v1/completions', '{"prompt": '), 400, { message: /a body of JSON/ }],
    ['a list', () => ask(server, '/v1/completions', '[1]'), 400, { message: /a body of one JSON object, got \[1\]/ }],
    ['another type', () => complete({}, { headers: { 'content-type': 'text/plain' } }), 415, { message: /application\/json/ }],
    ['a body too large', () => complete({ prompt: 'x'.repeat(9 << 20) }), 413, { code: 'request_too_large', message: /8388608/ }],
    ['no prompt', () => complete({ prompt: undefined }), 400, { param: 'prompt', message: /expected/ }],
    ['an empty prompt', () => complete({ prompt: [] }), 400, { param: 'prompt', message: /token ids/ }],
    ['a prompt of no token', () => complete({ prompt: '' }), 400, { param: 'prompt', message: /at least a token/ }],
    ['mixed prompts', () => complete({ prompt: ['a', 1] }), 400, { param: 'prompt', message: /token ids/ }],
    ['ids that are none', () => complete({ prompt: [[5, 97]] }), 400, { param: 'prompt', message: /below 97, got 97/ }],
    ['half of a character', () => complete({ prompt: 'a\ud800' }), 400, { param: 'prompt', message: /surrogate/ }],
    [
      'a prompt too long',
      () => complete({ prompt: Array(127).fill(5) }),
      400,
      { code: 'context_length_exceeded', message: /128 tokens, got 127/ },
    ],
    ['too many prompts', () => complete({ prompt: Array(513).fill('a') }), 400, { param: 'prompt', message: /at most 512/ }],
    [
      'a negative temperature',
      () => complete({ temperature: -1 }),
      400,
      { param: 'temperature', message: /from 0 to 100, got -1/ },
    ],
    ['a top_p of 0', () => complete({ top_p: 0 }), 400, { param: 'top_p', message: /above 0/ }],
    ['a field of another kind', () => complete({ max_tokens: '5' }), 400, { param: 'max_tokens', message: /whole number/ }],
    ['an unknown field', () => complete({ top_k: 5 }), 400, { code: 'unknown_parameter', param: 'top_k', message: /not known/ }],
    ['what is not done', () => complete({ presence_penalty: 1 }), 400, { param: 'presence_penalty', message: /not made here/ }],
    ['an empty stop', () => complete({ stop: ['a', ''] }), 400, { param: 'stop', message: /expected/ }],
    [
      'a chat without a template',
      () => ask(server, '/v1/chat/completions', { messages: [{ role: 'user', content: 'a' }] }),
      400,
      { param: 'messages', message: /template/ },
    ],
    [
      'a chat of nothing',
      () => ask(server, '/v1/chat/completions', { messages: [] }),
      400,
      { param: 'messages', message: /at least one/ },
    ],
    [
      'an answer to the assistant',
      () => ask(server, '/v1/chat/completions', { messages: [{ role: 'assistant', content: 'a' }] }),
      400,
      { message: /leave it out/ },
    ],
    [
      'tools',
      () => ask(server, '/v1/chat/completions', { messages: [{ role: 'user', content: 'a' }], tools: [{}] }),
      400,
      { param: 'tools', message: /not called/ },
    ],
    ['ids beyond the tokens', () => ask(server, '/detokenize', { tokens: [97] }), 400, { param: 'tokens', message: /below 97/ }],
  ])('%s', async (_, asked, status, { message, ...want }) => {
    const { status: got, json } = await asked();
    expect([got, Object.keys(json)], JSON.stringify(json)).toEqual([status, ['error']]);
    expect(Object.keys(json.error)).toEqual(['message', 'type', 'param', 'code']);
    expect(json.error).toMatchObject(want);
    expect(json.error.message).toMatch(message);
  });

  test('and then all is as before', async () => {
    expect((await complete({})).status).toBe(200);
  });
});

test('a client that goes away frees its place', async () => {
  const long = { prompt: [5, 6], max_tokens: 120, temperature: 0, seed: 1 };
  const gone = Array.from({ length: 30 }, () => {
    const stop = new AbortController();
    const asked = fetch(`${server.url}/v1/completions`, {
      ...{
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ ...long, n: 8 }),
        signal: stop.signal,
      },
    });
    return { stop, asked: asked.catch((e: Error) => e.name) };
  });
  await new Promise((wait) => setTimeout(wait, 150));
  for (const { stop } of gone) stop.abort();
  expect(await Promise.all(gone.map(({ asked }) => asked))).toEqual(gone.map(() => 'AbortError'));
  // 28,800 tokens that nobody waits for would take longer than this
  const since = performance.now();
  expect((await complete({})).status).toBe(200);
  expect(performance.now() - since).toBeLessThan(3000);
});

test('one who asks for much does not keep the others waiting', async () => {
  const order: string[] = [];
  const asked = async (name: string, more: object) => {
    expect((await complete(more)).status).toBe(200);
    order.push(name);
  };
  const much = asked('much', { prompt: Array(64).fill([5, 6]), max_tokens: 40 });
  await new Promise((wait) => setTimeout(wait, 50));
  await Promise.all([much, asked('little', { max_tokens: 3 })]);
  expect(order).toEqual(['little', 'much']);
});

test('a half-sent body holds nothing up', async () => {
  const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
  const host = new URL(server.url).host;
  socket.write(
    `POST /v1/completions HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{"pro`,
  );
  await once(socket, 'connect').catch(() => {});
  expect((await complete({})).status).toBe(200);
  socket.destroy();
});

test('the end: who waits is told, and the port is free', async () => {
  const own = await serve(['--model', folder.model]);
  const body = { prompt: Array(200).fill([5, 6]), max_tokens: 100 };
  const waiting = ask(own, '/v1/completions', body);
  await new Promise((wait) => setTimeout(wait, 200));
  await own.end();
  const { status, json } = await waiting;
  expect([status, json.error.message]).toEqual([503, expect.stringMatching(/ending/)]);
  await expect(ask(own, '/health')).rejects.toThrow();
});

describe('the command', () => {
  test.each([
    [['--host', '0.0.0.0'], /expected --key beside --host 0\.0\.0\.0/],
    [['--host', 'example.org'], /expected --key/],
    [['--adapter', 'folder'], /expected --adapter NAME=FOLDER, got "folder"/],
    [['--adapter', 'base=folder'], /got "base"/],
    [['--adapter', 'a=x', '--adapter', 'a=y'], /"a", which is given twice/],
    [['--port', '70000'], /at most 65535/],
    [['--runtime', 'chrome'], /auto node deno/],
  ])('%j is wrong usage', (words, text) => {
    expect(parseCommand(['serve', ...words])).toEqual({ kind: 'usage', text: expect.stringMatching(text) });
  });

  test('a port in use, and positions that the model has not, are said with the cure', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as { port: number };
    const taken = serve(['--model', folder.model, '--adapter', 'a=missing', '--port', String(port)]);
    await expect(taken).rejects.toThrow(/to be free.*another by --port/); // before the model and its adapters are loaded
    other.close();
    await expect(serve(['--model', folder.model, '--positions', '129'])).rejects.toThrow(/at most 128/);
  });

  // by a shell: Deno reports no exit code of a child that it has signalled
  test.each([
    ['TERM', 0],
    ['INT', 130],
  ])('SIG%s ends it: %i', (signal, code) => {
    const run = `node scripts/blocktune.mjs serve --model ${folder.model} --port 0 --json`;
    const said = folder.at(`said-${signal}`); // one each: in that of another run it listens before it has begun
    const script = `${run} > ${said} & until grep -q listening ${said}; do sleep 0.1; done; kill -${signal} $!; wait $!`;
    const { status, stderr } = spawnSync('bash', ['-mc', script], { cwd: root, encoding: 'utf8' });
    const [line] = readFileSync(said, 'utf8')
      .trim()
      .split('\n')
      .slice(-1)
      .map((text) => JSON.parse(text));
    expect(line).toMatchObject({
      kind: 'listening',
      models: ['base'],
      url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
    });
    expect([status, stderr]).toEqual([code, expect.stringMatching(/ending/)]);
  });
});
