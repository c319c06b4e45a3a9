import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  blobFolder,
  blobSource,
  diskFolder,
  diskSource,
  memorySource,
  openPlace,
  openUrl,
  readJson,
  readText,
} from '../../src/io/bytes.ts';

// 200,000 bytes, so that a web source cannot answer from the first piece it fetched.
const BYTES = Uint8Array.from({ length: 200_000 }, (_, i) => (i * 7 + (i >> 8)) & 255);
const folder = mkdtempSync(`${tmpdir()}/blocktune-bytes-`);
let server: Server;
let base: string;
let broken = 0;

beforeAll(async () => {
  writeFileSync(`${folder}/data.bin`, BYTES);
  server = createServer((request, response) => {
    const url = request.url!;
    const range = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? '');
    const [from, to] = range ? [Number(range[1]), Math.min(Number(range[2]), BYTES.length - 1)] : [0, BYTES.length - 1];
    if (url === '/flaky.bin' && broken++ % 2 === 0) response.writeHead(503).end();
    else if (url === '/whole.bin') response.writeHead(200).end(BYTES);
    else if (url === '/app/config.json') response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end('<html>');
    else if (url === '/empty.bin') response.writeHead(416, { 'content-range': 'bytes */0' }).end();
    else if (url === '/secret.bin') response.writeHead(403).end();
    else if (url === '/silent.bin' && request.method !== 'HEAD') response.writeHead(206).end(BYTES.subarray(from, to + 1));
    else if (url === '/silent.bin') response.writeHead(200, { 'content-length': BYTES.length }).end();
    else if (url === '/short.bin' && from > 0)
      response.writeHead(206, { 'content-range': `bytes 0-1/${BYTES.length}` }).end('xy');
    else if (/^\/(data|flaky|short)\.bin$|^\/a\/b\/resolve\/main\/data\.bin$/.test(url))
      response.writeHead(206, { 'content-range': `bytes ${from}-${to}/${BYTES.length}` }).end(BYTES.subarray(from, to + 1));
    else response.writeHead(404).end();
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(() => {
  server.close();
  server.closeAllConnections();
  rmSync(folder, { recursive: true });
});

describe('a Source', () => {
  test.each([
    ['memory', async () => memorySource(BYTES)],
    ['a Blob', async () => blobSource(new Blob([BYTES]))],
    ['disk', async () => diskSource(`${folder}/data.bin`)],
    ['the web', async () => (await openUrl(`${base}/data.bin`))!],
    ['a web server that hides the size', async () => (await openUrl(`${base}/silent.bin`))!],
    ['a web server that ignores ranges', async () => (await openUrl(`${base}/whole.bin`, { note: () => {} }))!],
    ['a web server that fails now and then', async () => (await openUrl(`${base}/flaky.bin`))!],
  ])('in %s answers any range, and only its own bytes', async (_, open) => {
    const source = await open();
    expect(source.size).toBe(BYTES.length);
    expect(Buffer.compare(await source.read(0, BYTES.length), BYTES)).toBe(0);
    expect(await source.read(100_001, 5)).toEqual(BYTES.slice(100_001, 100_006));
    expect(await source.read(BYTES.length - 1, 1)).toEqual(BYTES.slice(-1));
    expect(await source.read(3, 0)).toEqual(new Uint8Array(0));
    await expect(source.read(BYTES.length - 1, 2)).rejects.toThrow(`got a file of ${BYTES.length} bytes`);
    await expect(source.read(-1, 1)).rejects.toThrow('expected bytes -1 to 0');
    await source.close();
    await source.close();
  });

  test('a server that ignores ranges is said to', async () => {
    const notes: string[] = [];
    await openUrl(`${base}/whole.bin`, { note: (text) => notes.push(text) });
    expect(notes).toEqual([`${base}/whole.bin: the server ignores ranges, so all 200000 bytes were fetched into memory`]);
  });

  test('errors of the web name address and status', async () => {
    expect(await openUrl(`${base}/none.bin`)).toBeUndefined();
    expect(await openUrl(`${base}/app/config.json`)).toBeUndefined();
    expect((await openUrl(`${base}/empty.bin`))?.size).toBe(0);
    await expect(openUrl(`${base}/secret.bin`)).rejects.toThrow(`expected ${base}/secret.bin, got HTTP 403`);
    await expect((await openUrl(`${base}/short.bin`))!.read(150_000, 5)).rejects.toThrow('expected bytes 150000 to 150004');
    await expect(openUrl('http://127.0.0.1:1/x')).rejects.toThrow('expected an answer from http://127.0.0.1:1/x');
  });

  test('a file that shrinks while being read is an error', async () => {
    writeFileSync(`${folder}/shrinks`, 'abcdef');
    const source = await diskSource(`${folder}/shrinks`);
    writeFileSync(`${folder}/shrinks`, 'abc');
    await expect(source.read(0, 6)).rejects.toThrow('it shrank while being read');
    await source.close();
  });
});

describe('a Folder', () => {
  test('on disk and of Blobs: files, and undefined for none', async () => {
    const blobs = blobFolder(new Map([['data.bin', new Blob([BYTES])]]));
    for (const place of [diskFolder(folder), blobs]) {
      const file = await place.file('data.bin');
      expect(file?.size).toBe(BYTES.length);
      await file?.close();
      expect(await place.file('none')).toBeUndefined();
      expect(await place.list()).toContain('data.bin');
    }
  });

  test('a folder is no file of a folder', async () => {
    expect(await diskFolder(`${folder}/..`).file(folder.split('/').at(-1)!)).toBeUndefined();
  });
});

describe('openPlace', () => {
  test('hf:OWNER/NAME lies where the hub keeps it', async () => {
    const place = await openPlace('hf:a/b', { hub: `${base}/` });
    const file = 'folder' in place ? await place.folder.file('data.bin') : undefined;
    expect(file?.name).toBe(`${base}/a/b/resolve/main/data.bin`);
    await expect(openPlace('hf:a')).rejects.toThrow('expected hf:OWNER/NAME, got hf:a');
  });

  test.each(['http://127.0.0.1:99999/', 'http://exa mple/', 'https://'])('%s is no address, in words', async (where) => {
    await expect(openPlace(where)).rejects.toThrow(`expected an address such as https://HOST/FOLDER/, got ${where}; correct it`);
  });

  test('an address of a folder or of a file', async () => {
    const place = await openPlace(`${base}/a/b/resolve/main`);
    expect('folder' in place && (await place.folder.file('data.bin'))?.size).toBe(BYTES.length);
    await expect(openPlace(`${base}/model.gguf?x=1`)).rejects.toThrow('got HTTP 404');
  });

  test('a path', async () => {
    expect(await openPlace(folder)).toHaveProperty('folder');
    const file = await openPlace(`${folder}/data.bin`);
    expect('source' in file && file.source.size).toBe(BYTES.length);
    if ('source' in file) await file.source.close();
    await expect(openPlace(`${folder}/none`)).rejects.toThrow('got nothing there');
  });
});

describe('text', () => {
  test('is UTF-8 or an error', async () => {
    expect(await readText(memorySource(new TextEncoder().encode('äö'), 'x'))).toBe('äö');
    await expect(readText(memorySource(new Uint8Array([255]), 'x'))).rejects.toThrow('expected UTF-8 text in x');
  });

  test.each([
    ['{', 'expected JSON in x'],
    ['[1]', 'a JSON object in x, got an array'],
    ['null', 'a JSON object in x, got null'],
  ])('%s is no JSON object', async (text, message) => {
    await expect(readJson(memorySource(new TextEncoder().encode(text), 'x'))).rejects.toThrow(message);
  });
});
