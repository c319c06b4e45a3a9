import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { loadAdapter } from '../../src/io/adapter.ts';
import { checkWritable, writeFile, writeFolder } from '../../src/io/write.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(`${tmpdir()}/blocktune-write-`);
});
afterEach(() => rmSync(root, { recursive: true }));

const chunks = async function* (...parts: string[]) {
  for (const part of parts) yield new TextEncoder().encode(part);
};
const failing = async function* () {
  yield new Uint8Array(10);
  throw new Error('out of weights');
};

describe('writeFolder', () => {
  test('bytes, text and chunks, in a place that is made for them', async () => {
    const out = `${root}/a/b/`;
    await writeFolder(out, [
      { name: 'bytes', chunks: new Uint8Array([65, 66]) },
      { name: 'text', chunks: 'ä' },
      { name: 'chunks', chunks: chunks('one', 'two') },
    ]);
    expect(readdirSync(out).sort()).toEqual(['bytes', 'chunks', 'text']);
    expect(['bytes', 'text', 'chunks'].map((name) => readFileSync(`${out}${name}`, 'utf8'))).toEqual(['AB', 'ä', 'onetwo']);
    expect(readdirSync(`${root}/a`)).toEqual(['b']);
  });

  test('a failure leaves nothing behind', async () => {
    await expect(
      writeFolder(`${root}/out`, [
        { name: 'a', chunks: 'x' },
        { name: 'b', chunks: failing() },
      ]),
    ).rejects.toThrow('out of weights');
    expect(readdirSync(root)).toEqual([]);
  });

  test('a failure over an older folder leaves it as it was', async () => {
    writeFileSync(`${root}/a`, 'old');
    await expect(writeFolder(root, [{ name: 'a', chunks: failing() }], { force: true })).rejects.toThrow('out of weights');
    expect(readdirSync(root)).toEqual(['a']);
    expect(readFileSync(`${root}/a`, 'utf8')).toBe('old');
  });

  test('an empty folder is taken, one in use refused', async () => {
    mkdirSync(`${root}/out`);
    await writeFolder(`${root}/out`, [{ name: 'a', chunks: 'x' }]);
    await expect(writeFolder(`${root}/out`, [{ name: 'a', chunks: 'y' }])).rejects.toThrow(
      'got a; choose another place or add `force`',
    );
    expect(readFileSync(`${root}/out/a`, 'utf8')).toBe('x');
  });

  test('with force: same names are replaced, old weights go, the rest stays', async () => {
    for (const name of ['config.json', 'model-00001-of-00002.safetensors', 'model.safetensors.index.json', 'notes.txt'])
      writeFileSync(`${root}/${name}`, 'old');
    await writeFolder(
      root,
      [
        { name: 'config.json', chunks: 'new' },
        { name: 'model.safetensors', chunks: 'new' },
      ],
      { force: true },
    );
    expect(readdirSync(root).sort()).toEqual(['config.json', 'model.safetensors', 'notes.txt']);
    expect(readFileSync(`${root}/config.json`, 'utf8')).toBe('new');
  });

  test.each([
    ['ONNX', ['config.json', 'onnx/model.onnx'], ['adapter_model.safetensors', 'model.safetensors', 'receipt.json']],
    ['an adapter', ['adapter_config.json', 'adapter_model.safetensors'], ['model.safetensors', 'model.safetensors.index.json']],
  ])("with force %s leaves a model's weights", async (_, names, stay) => {
    for (const name of stay) writeFileSync(`${root}/${name}`, 'a model');
    await writeFolder(
      root,
      names.map((name) => ({ name, chunks: 'new' })),
      { force: true },
    );
    for (const name of stay) expect(readFileSync(`${root}/${name}`, 'utf8')).toBe('a model');
    expect(readdirSync(root)).toHaveLength(stay.length + 2);
  });

  test('folders within: made with the rest, and with force beside what they hold already', async () => {
    const files = (text: string) => [
      { name: 'config.json', chunks: text },
      { name: `onnx/${text}`, chunks: text },
    ];
    await writeFolder(`${root}/out`, files('first'));
    await writeFolder(`${root}/out`, files('second'), { force: true });
    expect(readdirSync(`${root}/out`).sort()).toEqual(['config.json', 'onnx']);
    expect(readdirSync(`${root}/out/onnx`).sort()).toEqual(['first', 'second']);
    expect(readFileSync(`${root}/out/onnx/second`, 'utf8')).toBe('second');
    expect(readdirSync(root)).toEqual(['out']);
  });

  test('what may stand beside does not count as in use', async () => {
    mkdirSync(`${root}/checkpoints`);
    await writeFolder(root, [{ name: 'a', chunks: 'x' }], { beside: ['checkpoints'] });
    expect(readdirSync(root).sort()).toEqual(['a', 'checkpoints']);
  });

  test.each(['../a', 'a/', '/a', 'a/../b', '', '.', '..'])('the name %o is refused', async (name) => {
    await expect(writeFolder(`${root}/out`, [{ name, chunks: 'x' }])).rejects.toThrow('a plain file name');
    expect(readdirSync(root)).toEqual([]);
  });
});

describe('writeFile', () => {
  test('an existing file needs force, and survives a failure', async () => {
    await writeFile(`${root}/f`, chunks('1', '2'));
    await expect(writeFile(`${root}/f`, 'x')).rejects.toThrow('add `force`');
    await expect(writeFile(`${root}/f`, failing(), { force: true })).rejects.toThrow('out of weights');
    expect(readFileSync(`${root}/f`, 'utf8')).toBe('12');
    await writeFile(`${root}/f`, 'x', { force: true });
    expect(readdirSync(root)).toEqual(['f']);
  });

  test('the folders that it is to be in are made', async () => {
    await writeFile(`${root}/no/such/f`, 'x');
    await writeFile(`${root}/no/such/g`, 'y');
    expect(readdirSync(`${root}/no/such`)).toEqual(['f', 'g']);
    expect(readFileSync(`${root}/no/such/f`, 'utf8')).toBe('x');
  });

  test('a folder in the way is refused even with force', async () => {
    mkdirSync(`${root}/f`);
    await expect(writeFile(`${root}/f`, 'x', { force: true })).rejects.toThrow('a file or nothing');
    expect(readdirSync(root)).toEqual(['f']);
  });
});

describe('checkWritable', () => {
  test('a file in the way is refused even with force', async () => {
    writeFileSync(`${root}/f`, '');
    await expect(checkWritable(`${root}/f`, { force: true })).rejects.toThrow('a folder or nothing');
    expect(await checkWritable(`${root}/none`)).toEqual([]);
  });
});

describe('what a killed writer left', () => {
  /** A folder written aside, last touched some minutes ago. */
  function leave(path: string, minutes: number) {
    mkdirSync(path, { recursive: true });
    writeFileSync(`${path}/adapter_model.safetensors`, 'half');
    const at = Date.now() / 1000 - 60 * minutes;
    for (const p of [`${path}/adapter_model.safetensors`, path]) utimesSync(p, at, at);
  }
  const files = [{ name: 'a', chunks: 'x' }];

  test('for the same place goes with the next write, and is not in its way', async () => {
    leave(`${root}/out/.partial-01234567`, 0);
    leave(`${root}/out.partial-89abcdef`, 0);
    expect(await checkWritable(`${root}/out`)).toEqual([]);
    await writeFolder(`${root}/out`, files);
    expect(readdirSync(root)).toEqual(['out']);
    expect(readdirSync(`${root}/out`)).toEqual(['a']);
  });

  test('for another place stays while its writer may live, and goes once it is abandoned', async () => {
    leave(`${root}/live.partial-01234567`, 5);
    leave(`${root}/dead.partial-01234567`, 90);
    leave(`${root}/begun.partial-01234567`, 90);
    writeFileSync(`${root}/begun.partial-01234567/model-00002.safetensors`, 'now');
    writeFileSync(`${root}/notes.partial-x`, 'a name of somebody else');
    await writeFolder(`${root}/out`, files);
    expect(readdirSync(root).sort()).toEqual(['begun.partial-01234567', 'live.partial-01234567', 'notes.partial-x', 'out']);
  });

  test('beside a writer that is alone goes at once', async () => {
    leave(`${root}/step-00000010.partial-01234567`, 0);
    await writeFolder(`${root}/step-00000020`, files, { alone: true });
    expect(readdirSync(root)).toEqual(['step-00000020']);
  });

  test('of a file goes too', async () => {
    writeFileSync(`${root}/f.partial-01234567`, 'half');
    await writeFile(`${root}/f`, 'x');
    expect(readdirSync(root)).toEqual(['f']);
    expect(existsSync(`${root}/f`)).toBe(true);
  });

  test('is no adapter', async () => {
    leave(`${root}/out/.partial-01234567`, 0);
    writeFileSync(`${root}/out/.partial-01234567/adapter_config.json`, '{}');
    await expect(loadAdapter(`${root}/out`)).rejects.toThrow(/adapter_model\.safetensors|adapter_config\.json/);
  });
});
