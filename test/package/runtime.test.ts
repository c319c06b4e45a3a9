// Which runtime a command gets, with stand-ins for the packages deno and webgpu beside a copy of the program that chooses.
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { chromePath } from '../../src/cli/chrome/browser.ts';
import { fromWire, toWire } from '../../src/cli/chrome/wire.ts';
import { root, run } from './installed.ts';

type Choice = { host: string; why: string; deno?: string };
type Choose = (words: readonly string[], where: { checkout: boolean }) => Promise<Choice>;

const places: string[] = [];
afterAll(() => places.forEach((place) => rmSync(place, { recursive: true, force: true })));

/** What chooses, as a program of its own in a folder with these packages: deno, and webgpu as what it says of its adapter. */
function chooser(deno: boolean, dawn?: string): Choose {
  const place = mkdtempSync(join(tmpdir(), 'blocktune-runtime-'));
  places.push(place);
  for (const name of ['runtime.mjs', 'probe.mjs']) cpSync(join(root, 'scripts', name), join(place, 'scripts', name));
  const put = (name: string, text: string) => {
    mkdirSync(join(place, 'node_modules', name, '..'), { recursive: true });
    writeFileSync(join(place, 'node_modules', name), text);
  };
  if (deno) put('deno/install_api.cjs', "exports.runInstall = () => '/the/deno';");
  if (dawn) {
    put('webgpu/package.json', '{ "type": "module", "exports": "./index.js" }');
    put('webgpu/index.js', `export const create = () => ({ requestAdapter: async () => ${dawn} });`);
  }
  return async (words, where) => {
    const code = `import { chooseRuntime } from './scripts/runtime.mjs';
      console.log(JSON.stringify(chooseRuntime(${JSON.stringify(words)}, ${JSON.stringify(where)})));`;
    const { stdout, stderr } = await run(place, process.execPath, ['--input-type=module', '--eval', code]);
    if (!stdout) throw new Error(/^Error: (.*)$/m.exec(stderr)?.[1] ?? stderr);
    return JSON.parse(stdout);
  };
}

const CARD = "({ info: { description: 'Some Card', isFallbackAdapter: false } })";
const SOFTWARE = "({ info: { description: 'SwiftShader driver', isFallbackAdapter: true } })";
const NAMELESS = "({ info: { description: '', vendor: 'acme', architecture: 'm1', isFallbackAdapter: false } })";

test.each([
  ['a card in Dawn', true, CARD, ['demo'], 'node', 'its Dawn finds Some Card'],
  ['a card without a description', true, NAMELESS, ['demo'], 'node', 'its Dawn finds acme m1'],
  ['a card, and no Deno', false, CARD, ['demo'], 'node', 'its Dawn finds Some Card'],
  ['a card asked for by name', true, CARD, ['demo', '--device', 'some'], 'node', 'its Dawn finds Some Card'],
  ['another card asked for', true, CARD, ['demo', '--device=llvmpipe'], 'deno', "Node's Dawn finds no hardware adapter"],
  ['a software adapter', true, SOFTWARE, ['train'], 'deno', "Node's Dawn finds no hardware adapter"],
  ['a software adapter, and no Deno', false, SOFTWARE, ['train'], 'node', 'the package deno is not installed'],
  ['no adapter', true, 'null', ['train'], 'deno', "Node's Dawn finds no hardware adapter"],
  ['a driver that ends its process', true, 'process.abort()', ['train'], 'deno', "Node's Dawn finds no hardware adapter"],
  ['no Dawn', true, undefined, ['eval', '--runtime', 'auto'], 'deno', 'the package webgpu is not installed'],
  ['Node forced', true, SOFTWARE, ['train', '--runtime', 'node'], 'node', 'as asked'],
  ['Deno forced', true, CARD, ['train', '--runtime=deno'], 'deno', 'as asked'],
  ['no GPU needed', true, CARD, ['plan'], 'node', ''],
  ['help', false, undefined, ['train', '--help'], 'node', ''],
] as const)('%s', async (_, deno, dawn, words, host, why) => {
  const choose = chooser(deno, dawn);
  const choice = await choose(words, { checkout: false });
  expect([choice.host, choice.why]).toEqual([host, why]);
  if (host === 'deno') expect(choice.deno).toBe('/the/deno');
});

test('in a checkout, what needs no GPU runs from the sources, in Deno', async () => {
  expect((await chooser(true, CARD)(['plan'], { checkout: true })).host).toBe('deno');
  expect((await chooser(false, CARD)(['plan'], { checkout: true })).host).toBe('node');
});

test.each([
  [['train'], false, 'npm install deno webgpu'],
  [['train', '--runtime', 'deno'], false, 'npm install deno'],
  [['train', '--runtime', 'node'], true, 'npm install webgpu'],
] as const)('%s without what it takes says how to get it', async (words, deno, cure) => {
  const choose = chooser(deno);
  await expect(choose(words, { checkout: false })).rejects.toThrow(new RegExp(`^expected .* got .*Run: ${cure}$`));
});

describe('Chrome', () => {
  const at =
    (...known: string[]) =>
    (path: string) =>
      known.includes(path);
  test.each([
    [{ CHROMIUM: '/a' }, ['/a', '/usr/bin/chromium'], '/a'],
    [{ CHROME_PATH: '/b' }, ['/b'], '/b'],
    [{}, ['/usr/bin/chromium', '/usr/bin/google-chrome'], '/usr/bin/google-chrome'],
    [{}, ['/Applications/Chromium.app/Contents/MacOS/Chromium'], '/Applications/Chromium.app/Contents/MacOS/Chromium'],
    [
      { PROGRAMFILES: 'C:\\P' },
      ['C:\\P\\Google\\Chrome\\Application\\chrome.exe'],
      'C:\\P\\Google\\Chrome\\Application\\chrome.exe',
    ],
  ])('is found by %j among %j', (env, known, path) => expect(chromePath(env, at(...known))).toBe(path));

  test('where it is not, the error says how to get it', () => {
    expect(() => chromePath({}, () => false)).toThrow(/expected Chrome.*got none.*apt-get install chromium/);
    expect(() => chromePath({ CHROME_PATH: '/no' }, () => false)).toThrow(/expected Chrome at \/no.*got nothing there/);
  });

  test('numbers that JSON has not, arrive', () => {
    const line = { kind: 'step', loss: Number.NaN, lr: Infinity, low: [-Infinity, 0.1], text: 'NaN', none: null };
    expect(fromWire(toWire(line))).toEqual(line);
  });
});
