// What is dropped, sorted into a model, data, and what is of no use and why; and pasted text by its form.
import { describe, expect, test } from 'vitest';
import { type Dropped, sortFiles } from '../../../web/own/files.ts';
import { formOf } from '../../../web/own/paste.ts';

const dropped = (...paths: string[]): Dropped[] => paths.map((path) => ({ path, blob: new Blob([path]) }));
const sorted = (...paths: string[]) => {
  const { model, data, refused } = sortFiles(dropped(...paths));
  return {
    model: model && { name: model.name, files: model.files.map(({ name }) => name) },
    data: data.map(({ name }) => name),
    refused,
  };
};

describe('sorted', () => {
  test('a model folder, with all that lies beside its config and without what is hidden', () =>
    expect(
      sorted(
        'My model/config.json',
        'My model/model.safetensors',
        'My model/tokenizer.json',
        'My model/README.md',
        'My model/.git/x',
      ),
    ).toEqual({
      model: { name: 'My model', files: ['config.json', 'model.safetensors', 'tokenizer.json', 'README.md'] },
      data: [],
      refused: [],
    }));
  test('the outermost config is the model', () =>
    expect(sorted('m/onnx/config.json', 'm/config.json', 'm/model.safetensors', 'm/tokenizer.json').model).toEqual({
      name: 'm',
      files: ['config.json', 'model.safetensors', 'tokenizer.json'],
    }));
  test('loose files of a model are its folder; weights may have any name', () =>
    expect(sorted('config.json', 'tiny.safetensors', 'tokenizer.json', 'rows.jsonl')).toEqual({
      model: { name: 'model', files: ['config.json', 'model.safetensors', 'tokenizer.json'] },
      data: ['rows.jsonl'],
      refused: [],
    }));
  test('shards keep their names', () =>
    expect(
      sorted('m/config.json', 'm/model-00001-of-00002.safetensors', 'm/model-00002-of-00002.safetensors').model?.files,
    ).toEqual(['config.json', 'model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors']));
  test('a GGUF, and a second one', () =>
    expect(sorted('a.Q4_1.gguf', 'b.gguf')).toEqual({
      model: { name: 'a.Q4_1.gguf', files: ['a.Q4_1.gguf'] },
      data: [],
      refused: ['b.gguf is a second model. One is tuned at a time.'],
    }));
  test('a folder of two models is the first, and one sentence on the second', () =>
    expect(sorted('all/a/config.json', 'all/a/model.safetensors', 'all/b/config.json', 'all/b/model.safetensors')).toEqual({
      model: { name: 'a', files: ['config.json', 'model.safetensors'] },
      data: [],
      refused: ['all/b/ is a second model. One is tuned at a time.'],
    }));
  test('data of every kind, a list of which may be .json', () =>
    expect(sorted('a.jsonl', 'b.json', 'c.csv', 'd.tsv', 'e.txt', 'f.parquet', 'g.NDJSON').data).toHaveLength(7));
  test('weights alone are taken for a model, so that the engine says what it lacks', () =>
    expect(sorted('x.safetensors').model).toEqual({ name: 'x.safetensors', files: ['x.safetensors'] }));
  test.each([
    ['a.bin', /PyTorch weights.*safetensors/],
    ['a.pt', /PyTorch weights/],
    ['a.onnx', /cannot be trained/],
    ['a.zip', /Unpack it/],
    ['a.xlsx', /Save it as CSV/],
    ['a.pdf', /Save its text/],
    ['tokenizer.json', /part of a model. Drop its whole folder/],
    ['ad/adapter_config.json', /part of an adapter/],
    ['a.mp3', /neither a model nor data/],
    ['noending', /neither a model nor data/],
  ])('%s is refused with its cure', (path, words) => {
    const { model, data, refused } = sorted(path);
    expect([model, data, refused]).toEqual([null, [], [expect.stringMatching(words)]]);
    expect(refused[0]).toContain(path);
  });
  test('an adapter folder is no model', () => {
    const folder = ['a/adapter_config.json', 'a/adapter_model.safetensors', 'a/config.json', 'a/receipt.json', 'a/b/x.mp3'];
    expect(sorted(...folder)).toEqual({ model: null, data: [], refused: [] });
    const { adapter } = sortFiles(dropped(...folder));
    expect(adapter).toMatchObject({
      name: 'a',
      files: [{ name: 'adapter_config.json' }, { name: 'adapter_model.safetensors' }, {}, {}],
    });
  });
  test('an adapter beside a model’s folder and data is taken for itself, its own receipt for no data', () => {
    const files = dropped(
      'm/config.json',
      'm/model.safetensors',
      'adapter_config.json',
      'adapter_model.safetensors',
      'receipt.json',
      'r.csv',
    );
    const { model, data, adapter, refused } = sortFiles(files);
    expect([model?.name, data.map(({ name }) => name), adapter?.name, refused]).toEqual(['m', ['r.csv'], 'unnamed', []]);
    expect(adapter!.files.map(({ name }) => name)).toEqual(['adapter_config.json', 'adapter_model.safetensors', 'receipt.json']);
  });
  test('nothing is nothing', () => expect(sorted()).toEqual({ model: null, data: [], refused: [] }));
});

test.each([
  ['{"a":1}\n{"a":2}', 'jsonl'],
  ['{"a":1}', 'jsonl'],
  ['{\n "data": [1]\n}', 'json'],
  ['[{"a":1}]', 'json'],
  ['  [\n{"a":1}]', 'json'],
  ['prompt,completion\na,b\n', 'csv'],
  ['prompt,completion\n"a, b",c\n', 'csv'],
  ['a\tb\n1\t2\n', 'tsv'],
  ['Once, there was an owl.\nIt sang, loudly.', 'txt'],
  ['One line', 'txt'],
  ['', 'txt'],
])('%j looks like %s', (text, form) => expect(formOf(text)).toBe(form));
