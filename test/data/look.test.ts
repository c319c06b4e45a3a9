// A data file looked at without a model: its columns, and which would be read as what.
import { expect, test } from 'vitest';
import { lookAt } from '../../src/data/look.ts';
import { textSource } from './shared.ts';

test.each<[string, string, object]>([
  [
    'a.jsonl',
    '{"question":"q","answer":"a","id":1}\n{"question":"r","answer":"b","more":2}',
    {
      rows: 2,
      columns: ['question', 'answer', 'id', 'more'],
      detected: { prompt: 'question', completion: 'answer' },
    },
  ],
  [
    'a.csv',
    'instruction,input,output\na,b,c\n',
    {
      rows: 1,
      columns: ['instruction', 'input', 'output'],
      detected: { instruction: 'instruction', input: 'input', output: 'output' },
    },
  ],
  ['a.tsv', 'x\ty\n1\t2\n', { rows: 1, columns: ['x', 'y'], detected: null }],
  ['a.txt', 'one\ntwo\n', { rows: 2, columns: ['text'], detected: { text: 'text' } }],
  ['a.json', '[{"a":{"b":"c"}}, 5, {"text":"t"}]', { rows: 3, columns: ['a.b', 'text'], detected: { text: 'text' } }],
])('%s', async (name, text, found) => {
  expect(await lookAt(textSource(name, text))).toEqual({ name, ...found });
});

test.each([
  ['a.pdf', 'x', /ending in .jsonl .json .csv .tsv .txt or .parquet, got a.pdf/],
  ['a.jsonl', '  \n', /got an empty file/],
  ['a.json', '{', /to be JSON/],
])('%s is refused in words', (name, text, words) => expect(lookAt(textSource(name, text))).rejects.toThrow(words));
