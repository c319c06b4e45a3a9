// The text of rows token by token: together it is the text of the whole, and each token has what it says.
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { partsOf, piecesOf } from '../../src/data/pieces.ts';
import { loadTokenizer, type Tokenizer } from '../../src/data/tokenizer.ts';
import { byteTokenizer } from './bytes-tokenizer.ts';
import { describeShared, sharedJson } from './shared.ts';

const json = (path: string) => JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'));
const TEXTS = [
  'One day a cat ran.',
  'Ünïcode – 猫が好き 🐈‍⬛ ok',
  '  two  spaces\n\n and\ttabs ',
  "I don't , know .",
  '\uFFFD lone',
  '',
];

function holds(tokenizer: Tokenizer, text: string): string[] {
  const ids = tokenizer.encode(text, { special: true });
  const pieces = piecesOf(tokenizer, ids);
  expect(pieces).toHaveLength(ids.length);
  expect(pieces.join('')).toBe(tokenizer.decode(ids, { skip_special: false }));
  return pieces;
}

describe('bytes', () => {
  test.each(TEXTS)('%j', (text) => void holds(byteTokenizer(), text));
  test('of a character of several tokens the last has it', () =>
    expect(holds(byteTokenizer(), 'aé猫b')).toEqual(['a', '', 'é', '', '', '猫', 'b']));
  test('half a character is shown as such, and what follows it is not swallowed', () => {
    const ids = [0xe7, 0x61, 0x62, 0x63, 0x64, 0x65];
    const pieces = piecesOf(byteTokenizer(), ids);
    expect(pieces.join('')).toBe('\uFFFDabcde');
    expect(pieces.slice(2)).toEqual(['b', 'c', 'd', 'e']);
  });
  test('ids without a token have no text', () => expect(piecesOf(byteTokenizer(), [0x61, 999, 0x62])).toEqual(['a', '', 'b']));
});

describe('the built-in tokenizer', () => {
  const path = '../../demo/built-in/model/';
  const tokenizer = loadTokenizer({ json: json(`${path}tokenizer.json`), config: json(`${path}tokenizer_config.json`) });
  test.each(TEXTS)('%j', (text) => void holds(tokenizer, text));
});

describeShared('tokenizers of real models', () => {
  describe.each(['smollm', 'gpt2', 'tinyllama'])('%s', (name) => {
    let tokenizer: Tokenizer;
    beforeAll(() => {
      const config = name === 'tinyllama' ? sharedJson('data/tokenizers/tinyllama/tokenizer_config.json') : {};
      tokenizer = loadTokenizer({ json: sharedJson(`data/tokenizers/${name}/tokenizer.json`), config });
    });
    test.each(TEXTS)('%j', (text) => void holds(tokenizer, text));
    test('a space before a word is its own', () => expect(holds(tokenizer, 'One day').at(-1)).toBe(' day'));
  });
});

test('parts are the pieces side by side, learned or not', () => {
  const ids = [256, ...new TextEncoder().encode('ask é!'), 257];
  const labels = ids.map((id, i) => (i >= 5 ? id : -100));
  expect(partsOf(byteTokenizer(), { ids, labels })).toEqual([
    { text: '<s>ask ', learned: false },
    { text: 'é!</s>', learned: true },
  ]);
});
