// The built-in model's files as the page fetches them.
import { afterEach, expect, test, vi } from 'vitest';
import { fetchModel } from '../../web/files.ts';

afterEach(() => vi.unstubAllGlobals());

const answers = (status: (url: string) => number) =>
  vi.stubGlobal('fetch', async (url: string) => new Response(`at ${new URL(url).pathname}`, { status: status(url) }));

test('the folder holds each file below the address', async () => {
  answers(() => 200);
  const folder = await fetchModel('https://example.org/a/model/');
  const file = await folder.file('tokenizer.json');
  expect(new TextDecoder().decode(await file!.read(0, file!.size))).toBe('at /a/model/tokenizer.json');
  expect(await folder.file('generation_config.json')).toBeUndefined();
});

test('a file that is not there is named, with its address', async () => {
  answers((url) => (url.endsWith('.safetensors') ? 404 : 200));
  await expect(fetchModel('https://example.org/model/')).rejects.toThrow(
    'expected model.safetensors at https://example.org/model/model.safetensors, got HTTP 404',
  );
});

test('no network is said so', async () => {
  vi.stubGlobal('fetch', () => Promise.reject(new TypeError('Failed to fetch')));
  await expect(fetchModel('https://example.org/model/')).rejects.toThrow('got: Failed to fetch; check the network');
});
