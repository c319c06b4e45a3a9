// Bad input at the command line: every case ends with its exit code and a paragraph that says what was expected, what came and
// how to cure it; standard output stays empty and nothing is left at --out.

import { existsSync, mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { blocktune, newFolder, root, writeModel, writeRows } from './tiny.ts';

const folder = newFolder();
const { at } = folder;
afterAll(folder.free);

const LEARNABLE = { prompt: 'The cow is here.', completion: ' The cow is not here.' };

beforeAll(() => {
  writeModel(at('model'));
  writeRows(
    at('rows.jsonl'),
    Array.from({ length: 4 }, () => LEARNABLE),
  );
});

describe('models', () => {
  test.each<[name: string, spoil: (path: string) => void, says: RegExp]>([
    ['truncated weights', (path) => cut(`${path}/model.safetensors`, 100), /expected .* bytes|ends|damaged/],
    [
      'half a header',
      (path) => writeFileSync(`${path}/model.safetensors`, new Uint8Array(12).fill(9)),
      /damaged or no safetensors/,
    ],
    [
      'weights of another config',
      (path) => edit(path, { hidden_size: 40 }),
      /expected model\.embed_tokens\.weight of shape \d+ x 40/,
    ],
    ['an unknown architecture', (path) => edit(path, { model_type: 'gpt2' }), /model_type to be one of llama/],
    ['a field that changes results', (path) => edit(path, { attn_logit_softcapping: 30 }), /attn_logit_softcapping/],
    ['a config that is no JSON', (path) => writeFileSync(`${path}/config.json`, '{"model_type": '), /JSON/],
    ['no config', (path) => writeFileSync(`${path}/config.json`, ''), /config\.json/],
    ['a vocabulary larger than the embedding', (path) => addToken(path), /every token id of the tokenizer below the \d+ rows/],
  ])('%s', async (name, spoil, says) => {
    const path = writeModel(at(`spoilt ${name}`));
    spoil(path);
    await fails(['train', '--model', path, '--data', at('rows.jsonl')], says);
  });

  test.each([
    ['nothing there', 'nosuch', /expected a file or folder at .*nosuch.*check the path/],
    ['an empty folder', 'empty', /expected config\.json/],
    ['a text called GGUF', 'text.gguf', /GGUF/],
  ])('%s', async (_, name, says) => {
    mkdirSync(at('empty'), { recursive: true });
    writeFileSync(at('text.gguf'), 'this is no model, whatever its name says');
    await fails(['train', '--model', at(name), '--data', at('rows.jsonl')], says);
  });
});

describe('data', () => {
  test.each<[name: string, file: string, text: string, says: RegExp]>([
    ['a token id out of range', 'a.jsonl', '{"input_ids": [5, 99999, 7]}', /99999/],
    ['no learnable token', 'b.jsonl', '{"input_ids": [5, 6, 7], "labels": [-100, -100, -100]}', /hold a token to learn/],
    ['labels of another length', 'c.jsonl', '{"input_ids": [5, 6, 7], "labels": [1]}', /labels/],
    ['an empty file', 'd.jsonl', '', /hold rows, got an empty file/],
    ['a line that is no JSON', 'e.jsonl', '{"prompt": "a", "completion": "b"}\nnot json\n', /e\.jsonl row 2.*mend the line/],
    ['columns of no known form', 'f.jsonl', '{"height": 3, "width": 4}', /--columns/],
    ['an empty answer', 'g.jsonl', '{"prompt": "a", "completion": ""}', /completion|completed|empty/],
    ['a number for a text', 'h.jsonl', '{"prompt": 3, "completion": "b"}', /a text/],
    ['an unknown ending', 'i.xyz', 'text', /ending in \.jsonl/],
    ['a list that is none', 'j.json', '{"a": 1}', /list of objects/],
  ])('%s', async (_, file, text, says) => {
    writeFileSync(at(file), text);
    await fails(['train', '--model', at('model'), '--data', at(file)], says);
  });

  test('no file', () => fails(['train', '--model', at('model'), '--data', at('nosuch.jsonl')], /nosuch\.jsonl/));
  test('rows cut before their answers', () => fails(train('--max-length', '3'), /raise --max-length above 3/));
});

describe('blocks', () => {
  test.each<[words: string[], says: RegExp]>([
    [['--block', '7'], /--block 7 for model\.layers\.0\.self_attn\.q_proj\.weight \[32, 32\].*Use --block 16/],
    [['--budget', '0%'], /budget above zero, got 0%/],
    [['--budget', '-1%'], /budget above zero, got -1%/],
    [['--budget', '101%'], /at most 100 percent, got 101%/],
    [['--budget', '99999b'], /at most all \d+ blocks of the targets/],
    [['--budget', '100%'], /at most all \d+ blocks of the targets/],
    [['--budget', '0.001%', '--block', '16'], /at least one block.*raise --budget or lower --block/],
    [['--budget', '1.5b'], /whole blocks/],
    [
      ['--method', 'smt+lora', '--budget', '1b', '--block', '16'],
      /rank 1 and a block .*got --budget 1b = 256, of which rank 1 takes 320\. Raise --budget\./,
    ],
  ])('%s', (words, says) => fails(train(...words), says));

  test.each<[name: string, text: string, says: RegExp]>([
    ['no selection', '{"some": "thing"}', /block edge and a list of blocks/],
    ['a layer that is not there', selection({ layer: 9 }), /layer 9: the selection is another model's/],
    ['a block outside', selection({ row: 99 }), /\(99, 0\).*another model's/],
    ['a module that is not there', selection({ module: 'w' }), /w of layer 0/],
    ['a negative place', selection({ row: -1 }), /row and col/],
  ])('a selection file with %s', async (_, text, says) => {
    writeFileSync(at('selection.json'), text);
    await fails(train('--selection', at('selection.json')), says);
  });
});

describe('adapters', () => {
  const peft = join(root, 'test/goldens/peft/qwen3-rslora');
  test('no folder', () => fails(['eval', '--model', at('model'), '--adapter', at('nosuch')], /nosuch/));
  test('one given as the model', () =>
    fails(['generate', '--model', peft, '--prompt', 'x'], /expected a model in .*qwen3-rslora, got an adapter; merge it/));
  test('a LoRA that is to go on as blocks', () =>
    fails([...train('--adapter', peft), '--method', 'smt'], /expected --method lora, as the adapter was trained.*merge it/));
  test('a folder of something else', () =>
    fails(['eval', '--model', at('model'), '--adapter', at('model')], /adapter_config\.json/));
});

describe('places and machines', () => {
  test('an output folder in use is left as it was', async () => {
    mkdirSync(at('used'));
    writeFileSync(at('used', 'thesis.txt'), 'mine');
    const { code, stderr } = await blocktune([...train(), '--out', at('used')]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/expected an empty place at .*used, got thesis\.txt; choose another place or add --force/);
    expect(readdirSync(at('used'))).toEqual(['thesis.txt']);
    expect(readFileSync(at('used', 'thesis.txt'), 'utf8')).toBe('mine');
  });

  test('an output that is a file', () =>
    fails([...train(), '--out', at('rows.jsonl')], /expected a folder or nothing/, at('nothing')));
  test('an unknown adapter name', () => fails(train('--device', 'nosuch'), /"nosuch" in its name, got .*--device/));

  test.skipIf(process.platform === 'win32')(
    'no adapter (skipped on Windows, which has the backend that is asked for)',
    async () => {
      const elsewhere = { DENO_WEBGPU_BACKEND: 'dx12' }; // a backend that Linux does not have
      const { code, stderr } = await blocktune(train(), { env: elsewhere });
      expect(code).toBe(1);
      expect(stderr).toMatch(/expected a WebGPU adapter, got none\. .*mesa-vulkan-drivers/);
    },
  );
});

describe('usage', () => {
  test.each<[words: string[], says: RegExp]>([
    [['tarin'], /expected one of train .* did you mean train\?/],
    [['train', '--stpes', '3'], /did you mean --steps\?/],
    [['inspect', '--steps', '3', 'a'], /--steps, which belongs to train/],
    [['train', '--steps', 'many'], /--steps to be a whole number from 1, got "many"/],
    [['train', '--steps', '0'], /from 1, got "0"/],
    [['train', '--steps', '3', '--epochs', '2'], /--steps or --epochs, got both/],
    [['train', '--rank', '4'], /--rank with --method lora or dora, got --method smt/],
    [['train', '--max-length', '1'], /--max-length/],
    [['inspect'], /expected files or folders to inspect, got none/],
    [['merge'], /expected --adapter, got none/],
    [['eval', 'model'], /options that begin with --, got "model"/],
  ])('%s', async (words, says) => {
    const { code, stdout, stderr } = await blocktune(words);
    expect(stderr).toMatch(says);
    expect(code).toBe(2);
    expect(stdout).toBe('');
  });
});

const train = (...words: string[]) => ['train', '--model', at('model'), '--data', at('rows.jsonl'), ...words];

/** Exit 1, one paragraph with what was expected and what came, and nothing at the output or beside it. */
async function fails(words: string[], says: RegExp, out = at('out')): Promise<void> {
  const given = words[0] === 'train' && !words.includes('--out') ? ['--out', out] : [];
  // without looking for a better runtime, which takes as long as the rest
  const { code, stdout, stderr } = await blocktune([...words, ...given, '--runtime', 'deno', '--json']);
  expect(stderr).toMatch(says);
  expect(stderr).toMatch(/^blocktune: .*got[: ]/);
  expect(stderr.trim().split('\n').length).toBe(1);
  expect(stderr).not.toMatch(/undefined|\[object|TypeError|at file:/);
  expect(code).toBe(1);
  expect(
    stdout
      .split('\n')
      .filter(Boolean)
      .every((line) => /^{"kind":"(plan|selection)"/.test(line)),
  ).toBe(true);
  expect(existsSync(out)).toBe(false);
  expect(readdirSync(folder.path).filter((name) => name.includes('partial'))).toEqual([]);
}

function cut(path: string, bytes: number): void {
  truncateSync(path, readFileSync(path).length - bytes);
}

function edit(path: string, changes: Record<string, unknown>): void {
  const config = JSON.parse(readFileSync(`${path}/config.json`, 'utf8'));
  writeFileSync(`${path}/config.json`, JSON.stringify({ ...config, ...changes }));
}

function addToken(path: string): void {
  const tokenizer = JSON.parse(readFileSync(`${path}/tokenizer.json`, 'utf8'));
  tokenizer.model.vocab['a token too many'] = Object.keys(tokenizer.model.vocab).length;
  writeFileSync(`${path}/tokenizer.json`, JSON.stringify(tokenizer));
}

function selection(changes: Record<string, unknown>): string {
  return JSON.stringify({ block: 16, blocks: [{ layer: 0, module: 'q_proj', row: 0, col: 0, score: 1, ...changes }] });
}
