import { readdirSync, readFileSync, statSync } from 'node:fs';
import { Tokenizer } from '@huggingface/tokenizers';
import { describe, expect, test } from 'vitest';
import { heldOut, oldSkill, pretrainRows, taskRows } from '../../demo/corpus.ts';
import recipe from '../../demo/recipe.json' with { type: 'json' };

const folder = new URL('../../demo/built-in/', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, folder), 'utf8');
const json = (path: string) => JSON.parse(read(path));
const tokenizer = new Tokenizer(json('model/tokenizer.json'), json('model/tokenizer_config.json'));
const vocabulary: Record<string, number> = json('model/tokenizer.json').model.vocab;
const ids = (text: string, special = false) => tokenizer.encode(text, { add_special_tokens: special }).ids;

describe('the built-in files', () => {
  test.each([
    ['train', taskRows(recipe.task.seed, recipe.task.rows)],
    ['heldout', heldOut()],
    ['keep', oldSkill()],
  ])('%s.jsonl is what the corpus makes today', (name, rows) => {
    const lines = read(`task/${name}.jsonl`).trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line))).toEqual(rows);
  });

  test('are small: text below 300 kB', () => {
    const text = (place: string) =>
      readdirSync(new URL(place, folder))
        .filter((name) => /\.jsonl?$/.test(name))
        .map((name) => place + name);
    const paths = [...text('model/'), ...text('task/')];
    expect(paths.length).toBeGreaterThanOrEqual(6);
    expect(paths.reduce((sum, path) => sum + statSync(new URL(path, folder)).size, 0)).toBeLessThan(300_000);
  });

  test('the weights are those of the config in f32 or less, and below 3 MB', () => {
    const { size } = statSync(new URL('model/model.safetensors', folder));
    expect(size).toBeGreaterThan(2 * recipe.prototype.parameters);
    expect(size).toBeLessThan(3_000_000);
  });

  test('config: the vocabulary is the tokenizer’s, every target divides by the 16 of --block auto and no more', () => {
    const config = json('model/config.json');
    expect(config.vocab_size).toBe(Object.keys(vocabulary).length);
    const kv = config.num_key_value_heads * config.head_dim;
    const sides = [config.hidden_size, config.num_attention_heads * config.head_dim, kv, config.intermediate_size];
    expect(sides.map((side) => side % 16)).toEqual([0, 0, 0, 0]);
    expect(sides.some((side) => side % 32)).toBe(true);
  });
});

describe('the tokenizer', () => {
  const rows = [...pretrainRows(recipe.pretrain.data.seed, 3000), ...taskRows(1, 300), ...heldOut(), ...oldSkill()];
  const firstWord = 2 + 256;

  test('gives every text of the corpus back exactly, a token a word', () => {
    const texts = rows.flatMap((row) => [row.prompt, row.completion]);
    expect(texts.filter((text) => tokenizer.decode(ids(text)) !== text)).toEqual([]);
    const words = texts.join('').match(/[a-z]+/gi)!.length;
    const spelled = texts.flatMap((text) => ids(text)).filter((id) => id < firstWord);
    // What is left to bytes is punctuation only.
    expect(spelled.length).toBe(texts.join('').match(/[.?:,]/g)!.length);
    expect(words).toBeGreaterThan(10_000);
  });

  test.each(['Zebra crossing', 'Hello  wörld, 12 €!', 'tabs\tand\nlines', '日本'])(
    'gives foreign text back through bytes: %s',
    (text) => {
      expect(tokenizer.decode(ids(text))).toBe(text);
      expect(ids(text).every((id) => id >= 2)).toBe(true);
    },
  );

  test('begins a prompt with <bos>, and a completion apart is what it is in the whole text', () => {
    const { prompt, completion } = heldOut()[0]!;
    expect(ids(prompt, true)).toEqual([0, ...ids(prompt)]);
    expect([...ids(prompt), ...ids(completion)]).toEqual(ids(prompt + completion));
    expect(vocabulary['<eos>']).toBe(1);
  });
});
