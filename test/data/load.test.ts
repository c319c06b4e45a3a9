import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parseColumns } from '../../src/data/columns.ts';
import { type LoadOptions, loadData, loadPrompts, targetCount } from '../../src/data/load.ts';
import { readParquet } from '../../src/data/parquet.ts';
import { readRecords } from '../../src/data/read.ts';
import { memorySource, nodeZlib } from '../../src/io/bytes.ts';
import { bytes, byteTokenizer } from './bytes-tokenizer.ts';
import { describeShared, sharedJson, sharedSource, textSource } from './shared.ts';

const options = (more: Partial<LoadOptions> = {}): LoadOptions => ({
  tokenizer: byteTokenizer(),
  vocab_size: 288,
  learn: 'response',
  template: 'auto',
  max_length: 512,
  skip_bad_rows: false,
  ...more,
});

const load = (name: string, text: string, more?: Partial<LoadOptions>) => loadData([textSource(name, text)], options(more));
const texts = async (name: string, text: string) =>
  (await readRecords(textSource(name, text))).records.map((read) => read.fault ?? read.record.text);

describeShared('published data sets', () => {
  test.each([
    ['gsm8k/test.jsonl', 1319, 'prompt=question, completion=answer'],
    ['banking77/test.csv', 3080, 'prompt=text, completion=category'],
    ['sms-spam/sms.jsonl', 5574, 'prompt=text, completion=label'],
    ['aesop/fables.jsonl', 147, 'text'],
    ['tinystories/stories.jsonl', 986, 'text'],
    ['instruct/rasbt-instruction-data.json', 1100, 'instruction, input, output'],
    ['instruct/llamafactory-identity.json', 91, 'instruction, input, output'],
    ['instruct/llamafactory-alpaca-en-demo.json', 999, 'instruction, input, output'],
    ['llm-adapters/math_data.json', 3260, 'instruction, input, output'],
    ['llm-adapters/boolq-test.json', 3270, 'instruction, input, output'],
    ['llm-adapters/AQuA-test.json', 254, 'instruction, input, output'],
    ['names/names.txt', 32033, 'text, one row a line'],
    ['tinyshakespeare/input.txt', 7222, 'text, one row a paragraph'],
  ])('%s: %i rows of %s', async (path, rows, shown) => {
    // one byte a token, and the columns are what matters: a short limit keeps this quick
    const data = await loadData([sharedSource(`data/datasets/${path}`)], options({ max_length: 4096, skip_bad_rows: true }));
    expect(data.total + data.bad).toBe(rows);
    expect(data.shown).toContain(`${rows} rows of ${shown}`);
    expect(data.bad).toBeLessThan(rows / 50);
  });

  test('seed tasks keep their answers in a list: the error names the columns and the flag', async () => {
    const source = () => sharedSource('data/datasets/instruct/alpaca-seed-tasks.jsonl');
    await expect(loadData([source()], options())).rejects.toThrow(
      /seed-tasks.jsonl row 1: expected output .*`columns` prompt=instruction,completion=instances.0.output.*columns id, name, instruction, instances.0.input/,
    );
    const columns = parseColumns('instruction=instruction,input=instances.0.input,output=instances.0.output');
    const data = await loadData([source()], options({ columns, max_length: 8192 }));
    expect([data.rows.length, data.bad]).toEqual([175, 0]);
  });

  test('rows of token ids of the conformance models', async () => {
    const data = await loadData([sharedSource('conformance/llama3/data.jsonl')], options({ max_length: 64 }));
    expect([data.rows.length, data.cut, data.untargeted.length]).toEqual([24, 4, 0]);
    const reference: [number, number][] = sharedJson('conformance/llama3/golden.json').eval.cut;
    expect(data.rows.map(targetCount)).toEqual(reference.map(([, targets]) => targets));
  });
});

describe('forms of a file', () => {
  // Node has zstd from 22.15 on
  const CODECS = ['types', 'types-gzip', 'types-brotli', ...(nodeZlib().zstdDecompressSync ? ['types-zstd'] : [])];
  const row = '{"prompt": "a", "completion": "b"}';
  test('JSON lines, with blank lines, carriage returns and a byte order mark', async () => {
    expect((await load('d.jsonl', `\uFEFF${row}\r\n\n${row}`)).rows.map(({ index }) => index)).toEqual([0, 1]);
  });
  test.each([
    ['d.json', `[${row}, ${row}]`],
    ['d.json', `{"version": 1, "data": [${row}, ${row}]}`],
    ['d.json', `\n${row}\r\n${row}\n`],
    ['d.jsonl', `[\n ${row},\n ${row}\n]`],
    ['d.jsonl', ` [${row}, ${row}]\n`],
    ['d.csv', 'prompt,completion\na,b\n"a",b\n'],
    ['d.tsv', 'prompt\tcompletion\na\tb\na\tb'],
    ['https://x.org/d.csv?download=1', 'prompt;completion\na;b\na;b'],
  ])('%s: %o', async (name, text) => {
    const { rows } = await load(name, text);
    expect(rows.map(({ ids }) => [...ids])).toEqual([
      [97, 98, 257],
      [97, 98, 257],
    ]);
  });
  test('a table of one column, and cells with commas and line breaks', async () => {
    const { rows } = await load('d.csv', 'text\nhello\nworld\n');
    expect(rows.map(({ ids }) => ids.length)).toEqual([6, 6]);
    const quoted = await load('d.csv', 'prompt,completion\n"a, ""b""\nc",d\n');
    expect([...quoted.rows[0].ids]).toEqual([...bytes('a, "b"\ncd'), 257]);
    const tabs = await load('d.tsv', 'prompt\tcompletion\na,b,c\td\n');
    expect([...tabs.rows[0].ids]).toEqual([...bytes('a,b,cd'), 257]);
  });
  test('Parquet', async () => {
    const { rows, shown } = await loadData(
      [
        memorySource(
          Uint8Array.from(atob(PARQUET), (c) => c.charCodeAt(0)),
          'd.parquet',
        ),
      ],
      options(),
    );
    expect(rows.map(({ ids }) => [...ids])).toEqual([
      [97, 99, 257],
      [98, 100, 257],
    ]);
    expect(shown).toBe('d.parquet: 2 rows of prompt=question, completion=answer');
  });
  test.each(CODECS)('%s.parquet: every integer and decimal type, dates, structs', async (name) => {
    const read = (file: string) => new Uint8Array(readFileSync(`${import.meta.dirname}/../fixtures/data/${file}`));
    const rows = await readParquet(memorySource(read(`${name}.parquet`), name));
    const shown = JSON.stringify(rows, (_, value) => (typeof value === 'bigint' ? `#${value}` : value));
    expect(JSON.parse(shown)).toEqual(JSON.parse(new TextDecoder().decode(read('types.json'))));
  });
  test('integers of JSON beyond 2^53 keep their digits, in classes too', async () => {
    const long = '{"question": "q", "answer": 12345678901234567890, "n": [1, 9007199254740993], "n": [-9007199254740993]}';
    for (const [name, text] of [
      ['d.jsonl', `${long}\n{"question": "q", "answer": 7}`],
      ['d.json', `[${long}, {"question": "q", "answer": 7}]`],
    ]) {
      const { records } = await readRecords(textSource(name, text));
      expect(records[0]).toMatchObject({ record: { answer: 12345678901234567890n, n: [-9007199254740993n] } });
      const { rows } = await load(name, text);
      expect(rows.map(({ ids }) => [...ids])).toEqual([
        [...bytes('q12345678901234567890'), 257],
        [...bytes('q7'), 257],
      ]);
    }
  });
  test("NaN and Infinity are read as Python's json reads them", async () => {
    const row = (value: string) => `{"prompt": "say NaN, Infinity", "completion": "a", "score": ${value}, "in": [${value}]}\n`;
    for (const value of ['NaN', '-Infinity', 'Infinity']) {
      const { rows } = await load('d.jsonl', row(value) + row('null'));
      expect(rows.map(({ ids }) => [...ids])).toEqual(Array(2).fill([...bytes('say NaN, Infinitya'), 257]));
    }
    await expect(load('d.jsonl', '{"instruction": "i", "input": NaN, "output": "o"}')).rejects.toThrow(
      'row 1: expected input to be a text, got the number NaN',
    );
    await expect(load('d.jsonl', '{"prompt": "p", "completion": -NaN}')).rejects.toThrow('one JSON object a line');
  });
  test('the end of a name says what a file is: # and ? are letters on disk, none of an address', async () => {
    for (const name of ['a#1.jsonl', 'what?.jsonl', 'C# x/100%.jsonl', 'd.csv/x.jsonl', 'https://x.org/a.jsonl?v=1.csv#x.tsv'])
      expect((await load(name, row)).total, name).toBe(1);
    expect((await load('d.tsv/x.csv', 'prompt,completion\na,b\n')).total).toBe(1);
  });
  test('plain text: paragraphs where blank lines are, else lines', async () => {
    expect(await texts('d.txt', '\none\ntwo\n\n \nthree\n')).toEqual(['one\ntwo', 'three']);
    expect(await texts('d.txt', '  one\r\ntwo\n')).toEqual(['  one', 'two']);
  });
  test('columns of several files are shown apart', async () => {
    const files = [textSource('a.jsonl', `${row}\n{"text": "x"}`), textSource('b.csv', 'question,answer\na,b')];
    const { shown, total } = await loadData(files, options());
    expect([shown, total]).toEqual([
      'a.jsonl: 2 rows of prompt, completion (1) and text (1); b.csv: 1 row of prompt=question, completion=answer',
      3,
    ]);
  });
  test.each([
    ['d.xml', 'x', /ending in .jsonl/],
    ['d.jsonl', ' \n', /empty file/],
    ['d.json', '{"a": 1}', /list of objects, got an object/],
    ['d.json', '[]', /an empty list/],
    ['d.json', `${row}\n{"prompt": "a"`, /d.json row 2: expected one JSON object a line/],
    ['d.json', `[\n${row},\n{"prompt"`, /d.json to be JSON, got text that is none/],
    ['d.jsonl', `[${row}, {"prompt"`, /d.jsonl row 1: expected one JSON object a line/],
    ['d.jsonl', `[1]\n${row}`, /d.jsonl row 1: expected an object with named columns, got a list/],
    ['d.csv', 'prompt,completion\n', /rows below it/],
    ['d.csv', 'a,b\n1,2', /row 1: expected columns .* the columns a, b.*`columns` prompt=a,completion=b/],
    ['d.jsonl', `${row}\n{"prompt": "a"`, /d.jsonl row 2: expected one JSON object a line/],
    ['d.jsonl', `\n${row}\n[1]`, /d.jsonl row 2 \(line 3\): expected an object with named columns, got a list/],
    ['d.csv', 'prompt,completion\na,b\na\n', /d.csv row 2: expected 2 columns/],
    ['d.parquet', 'PAR1 nonsense', /Parquet/],
  ])('%s of %o is refused', async (name, text, reason) => {
    await expect(load(name, text)).rejects.toThrow(reason);
  });
  test('bytes that are no UTF-8 are refused', async () => {
    await expect(loadData([memorySource(new Uint8Array([0x7b, 0xff]), 'd.jsonl')], options())).rejects.toThrow(/UTF-8/);
  });
});

describe('what is left out', () => {
  const bad =
    '{"prompt": "a", "completion": "b"}\nnonsense\n{"prompt": "", "completion": ""}\n{"prompt": "c", "completion": "d"}';
  test('bad rows are errors, or counted', async () => {
    await expect(load('d.jsonl', bad)).rejects.toThrow(/^d.jsonl row 2: /);
    const data = await load('d.jsonl', bad, { skip_bad_rows: true });
    expect([data.total, data.bad, data.rows.map(({ index }) => index)]).toEqual([2, 2, [0, 3]]);
    expect(data.shown).toContain('2 bad rows skipped (first: d.jsonl row 2');
  });
  test('only bad rows are an error all the same', async () => {
    await expect(load('d.jsonl', 'x', { skip_bad_rows: true })).rejects.toThrow(/a sound row, got 1 bad ones/);
  });
  test('a row is cut at its end: one token more than the limit is cut, and without a target skipped', async () => {
    const rows = '{"prompt": "abcd", "completion": "e"}\n{"prompt": "a", "completion": "b"}';
    const whole = await load('d.jsonl', rows, { max_length: 6 });
    expect([whole.cut, whole.tokens, whole.targets]).toEqual([0, 9, 4]);
    const cut = await load('d.jsonl', rows, { max_length: 5 });
    expect([cut.cut, cut.tokens, cut.targets, cut.untargeted]).toEqual([1, 8, 3, []]);
    const short = await load('d.jsonl', rows, { max_length: 4 });
    expect([short.cut, short.tokens, short.targets, short.untargeted]).toEqual([1, 3, 2, [0]]);
    expect([short.rows[0].index, short.total]).toEqual([1, 2]);
    expect(short.shown).toContain('1 row cut at 4 tokens; 1 row without a target skipped');
  });
  test('nothing to learn at all is an error that says what helps', async () => {
    await expect(load('d.jsonl', '{"input_ids": [1, 2], "labels": [1, -100]}')).rejects.toThrow(/labels other than -100/);
    await expect(load('d.jsonl', '{"prompt": "abcd", "completion": "e"}', { max_length: 3 })).rejects.toThrow(
      /raise `maxLength` above 3/,
    );
  });
  test('prompts keep their places', async () => {
    const { prompts } = await loadPrompts([textSource('d.jsonl', bad)], options({ skip_bad_rows: true }));
    expect(prompts).toEqual([
      { index: 0, ids: new Int32Array([97]) },
      { index: 3, ids: new Int32Array([99]) },
    ]);
  });
});

describe('--columns', () => {
  test('roles, other names and paths', () => {
    expect(parseColumns('prompt=q, completion = a.0.b')).toEqual({ prompt: 'q', completion: ' a.0.b' });
  });
  test.each([
    ['question=q', /ROLE one of/],
    ['prompt', /ROLE=COLUMN/],
    ['prompt=a,prompt=b', /prompt twice/],
    ['output=b', /a whole row/],
  ])('%s is refused', (text, reason) => {
    expect(() => parseColumns(text)).toThrow(reason);
  });
  test('a column that is not there is named with those that are', async () => {
    await expect(load('d.jsonl', '{"q": "a", "r": "b"}', { columns: parseColumns('prompt=q,completion=a') })).rejects.toThrow(
      /the column "a" that `columns` gives as completion, got the columns q, r/,
    );
  });
});

// question: a, b; answer: c, d; written by hyparquet-writer 0.17
const PARQUET =
  'UEFSMRUGFRgVHFwVBBUAFQQVABUEFQAAAAMDCiQBAAAAYQEAAABiFQYVGBUcXBUEFQAVBBUAFQQVAAAAAwMKJAEAAABjAQAAAGQVBBk8SARyb2' +
  '90FQQAFQwlAhgIcXVlc3Rpb24lAAAVDCUCGAZhbnN3ZXIlAAAWBBkcGSwmCBwVDBkVABkYCHF1ZXN0aW9uFQIWBBZCFkYmCDw2ACgBYhgBYQAZ' +
  'HBUGFQAVAgAAACZOHBUMGRUAGRgGYW5zd2VyFQIWBBZCFkYmTjw2ACgBZBgBYwAZHBUGFQAVAgAAABaEARYENowBACgJaHlwYXJxdWV0GSwcAA' +
  'AcAAAAsgAAAFBBUjE=';
