import { describe, expect, test } from 'vitest';
import { parseColumns } from '../../src/data/columns.ts';
import { readTable } from '../../src/data/csv.ts';
import { loadData } from '../../src/data/load.ts';
import { bytes, byteTokenizer } from './bytes-tokenizer.ts';
import { textSource } from './shared.ts';

/** Fields of every record, or the fault in its place. */
const read = (text: string, delimiter = '') => {
  const { names, records } = readTable(text, delimiter);
  return [names, ...records.map(({ fields, fault }) => fields ?? fault)];
};

describe('readTable', () => {
  test.each([
    [
      'a,b\nc,d\r\ne,f\rg,h',
      [
        ['a', 'b'],
        ['c', 'd'],
        ['e', 'f'],
        ['g', 'h'],
      ],
    ],
    [
      'a,b\r\n"c\r\nd","e\rf"\r\n',
      [
        ['a', 'b'],
        ['c\r\nd', 'e\rf'],
      ],
    ],
    [
      'a, b\n c ,d \n',
      [
        ['a', ' b'],
        [' c ', 'd '],
      ],
    ],
    [
      'a,b\n"x ""y"", z",\n\n , \n',
      [
        ['a', 'b'],
        ['x "y", z', ''],
      ],
    ],
    [
      'a,a,\n1,2,3',
      [
        ['a', 'a_1', ''],
        ['1', '2', '3'],
      ],
    ],
    [
      'a\tb\nx,y\tz',
      [
        ['a', 'b'],
        ['x,y', 'z'],
      ],
    ],
    [
      'a;b\n1,5;2\n',
      [
        ['a', 'b'],
        ['1,5', '2'],
      ],
    ],
    [
      'a|b,c\n1,2\n3,4',
      [
        ['a|b', 'c'],
        ['1', '2'],
        ['3', '4'],
      ],
    ],
    ['text\n| a | b |\nx, y\nA\tB', [['text'], ['| a | b |'], ['x, y'], ['A\tB']]],
    ['text\n"a, b"\nsay "c", d\n', [['text'], ['a, b'], ['say "c", d']]],
    ['', [[]]],
  ])('%o', (text, expected) => {
    expect(read(text)).toEqual(expected);
  });

  test('in a .tsv only tabs are delimiters', () => {
    expect(read('a,b\tc\n1\t2\n', '\t')).toEqual([
      ['a,b', 'c'],
      ['1', '2'],
    ]);
  });

  test('a record that is not well formed is a fault in its place, and those after it are read', () => {
    const got = read('a,b\n1\n"x" y,2\n3,4,5\n6,7\n"open,8\n');
    expect(got).toEqual([
      ['a', 'b'],
      expect.stringContaining('expected 2 columns as in the first line, got 1'),
      expect.stringContaining('after a quoted field, got " "'),
      expect.stringContaining('got 3'),
      ['6', '7'],
      expect.stringContaining('got the end of the file; close it'),
    ]);
  });

  test('a long file is read in a moment', () => {
    const text = `text\n${'"a, ""b"" c"\nword word, word\n'.repeat(100_000)}`;
    const start = performance.now();
    expect(readTable(text, '').records.length).toBe(200_000);
    expect(performance.now() - start).toBeLessThan(20_000);
  });
});

describe('a column is named as it is shown', () => {
  const options = { tokenizer: byteTokenizer(), vocab_size: 288, learn: 'response', template: 'auto' } as const;
  const load = (text: string, columns?: string) =>
    loadData([textSource('d.csv', text)], {
      ...options,
      max_length: 64,
      skip_bad_rows: false,
      columns: columns === undefined ? undefined : parseColumns(columns),
    });

  test.each([
    ['prompt, completion\na, b\n', 'prompt=prompt,completion= completion', 'a b'],
    ['prompt, completion\na, b\n', 'prompt=prompt, completion= completion', 'a b'],
    ['my question,the answer\na,b\n', 'prompt=my question, completion=the answer', 'ab'],
    ['"a, of b",c=d\nx,y\n', 'prompt=a, of b,completion=c=d', 'xy'],
    ['q,a\nx,y\n', 'prompt= q , completion= a ', 'xy'],
  ])('%o by %o', async (text, columns, whole) => {
    const { rows } = await load(text, columns);
    expect([...rows[0].ids]).toEqual([...bytes(whole), 257]);
  });

  test('names with spaces at their ends are shown in quotes', async () => {
    await expect(load('x, y\na,b\n')).rejects.toThrow('the columns x, " y"');
    await expect(load('x, y\na,b\n')).rejects.toThrow('`columns` "prompt=x,completion= y"');
  });
});
