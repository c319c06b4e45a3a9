import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { blobFolder, memorySource } from '../../src/io/bytes.ts';
import { readSafetensors, readShards, type TensorToWrite, writeSafetensors } from '../../src/io/safetensors.ts';
import { describeShared, FIXTURES, fromBase64, joined, sharedJson } from './shared.ts';

const cases = sharedJson('data/vectors/safetensors/cases.json') ?? { reader: [], writer: [] };
const ARRAYS: Record<string, (values: number[]) => ArrayBufferView> = {
  F32: (v) => new Float32Array(v),
  I32: (v) => new Int32Array(v),
  F16: (v) => new Uint16Array(v),
};

/** A file of this header and `data` zero bytes. */
function file(header: string, data: number): Uint8Array<ArrayBuffer> {
  const text = new TextEncoder().encode(header);
  const bytes = new Uint8Array(8 + text.length + data);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  return bytes;
}

const entry = (dtype: string, shape: string, begin: number | string, end: number | string) =>
  `{"dtype":"${dtype}","shape":${shape},"data_offsets":[${begin},${end}]}`;

describeShared('the reference vectors', () => {
  test.each<[string, any]>(cases.reader.map((c: any) => [c.name, c]))('reader: %s', async (_, c) => {
    const reading = readSafetensors(memorySource(fromBase64(c.b64), c.name));
    if (c.expect === 'error') return expect(reading).rejects.toThrow(/expected .* got .*/);
    const { metadata, tensors } = await reading;
    expect(metadata).toEqual(c.parsed.metadata ?? {});
    expect([...tensors.keys()]).toEqual(Object.keys(c.parsed.tensors));
    for (const t of tensors.values()) {
      const { dtype, shape, data_hex } = c.parsed.tensors[t.name];
      const data = await t.source.read(t.offset, t.bytes);
      expect({ dtype: t.dtype, shape: t.shape }).toEqual({ dtype, shape });
      expect([...data].map((b) => b.toString(16).padStart(2, '0')).join('')).toBe(data_hex);
    }
  });

  test.each<[string, any]>(cases.writer.map((c: any) => [c.name, c]))('writer: %s', async (_, c) => {
    const tensors = c.tensors.map(({ name, dtype, shape, values }: any): TensorToWrite => {
      const array = ARRAYS[dtype](values);
      return { name, dtype, shape, bytes: () => new Uint8Array(array.buffer) };
    });
    expect(await joined(writeSafetensors(tensors, c.metadata ?? undefined))).toEqual(fromBase64(c.expected_b64));
  });
});

describe('readSafetensors', () => {
  test('four-bit values count half a byte', async () => {
    const { tensors } = await readSafetensors(memorySource(file(`{"a":${entry('F4', '[4]', 0, 2)}}`, 2)));
    expect(tensors.get('a')?.bytes).toBe(2);
  });

  test('a header above 100 MB is refused before it is read', async () => {
    const source = { ...memorySource(new Uint8Array(8)), size: 2e8 };
    const start = new Uint8Array(8);
    new DataView(start.buffer).setBigUint64(0, 100_000_001n, true);
    source.read = async (offset, length) => (length > 8 ? expect.unreachable(`read ${length} at ${offset}`) : start);
    await expect(readSafetensors(source)).rejects.toThrow('at most 100000000 bytes');
  });
});

describe('damage', () => {
  test('any changed byte of a header reads or is refused in words', async () => {
    const sound = new Uint8Array(readFileSync(`${FIXTURES}/tiny-qwen2-f16.safetensors`));
    const end = 8 + new DataView(sound.buffer).getUint32(0, true);
    let refused = 0;
    for (let at = 0; at < end; at++) {
      const bytes = sound.slice();
      bytes[at] ^= [0x80, 0xff, 1][at % 3];
      await readSafetensors(memorySource(bytes)).catch((e: Error) => {
        refused++;
        if (!/expected .+, got .+/s.test(e.message)) throw e;
      });
    }
    expect(refused).toBeGreaterThan(end / 2);
  });
});

describe('writeSafetensors', () => {
  test('names that look like numbers keep the order of names', async () => {
    const one = (name: string): TensorToWrite => ({
      name,
      dtype: 'U8',
      shape: [1],
      bytes: () => new Uint8Array([name.charCodeAt(0)]),
    });
    const bytes = await joined(writeSafetensors([one('b'), one('10'), one('2')]));
    const { tensors } = await readSafetensors(memorySource(bytes));
    expect([...tensors.values()].sort((a, b) => a.offset - b.offset).map((t) => t.name)).toEqual(['10', '2', 'b']);
    expect(bytes.length % 8).toBe(3);
  });

  test('dtypes come in the order of the reference writer', async () => {
    const order = 'U64 I64 F64 C64 F32 U32 I32 BF16 F16 U16 I16 F8_E5M2FNUZ F8_E4M3FNUZ F8_E8M0 F8_E4M3 F8_E5M2 I8 U8 BOOL'.split(
      ' ',
    );
    const one = (dtype: string): TensorToWrite => ({ name: dtype, dtype, shape: [0], bytes: () => new Uint8Array() });
    const text = new TextDecoder().decode(await joined(writeSafetensors([...order].sort().map(one))));
    expect([...text.matchAll(/"dtype":"(\w+)"/g)].map((found) => found[1])).toEqual(order);
  });

  test('chunks that do not add up to the shape are an error', async () => {
    const chunks = async function* () {
      yield new Uint8Array(3);
    };
    const short: TensorToWrite = { name: 'a', dtype: 'F32', shape: [1], bytes: chunks };
    await expect(joined(writeSafetensors([short]))).rejects.toThrow('expected 4 bytes for a, got 3');
  });

  test('a name twice is an error', async () => {
    const t: TensorToWrite = { name: 'a', dtype: 'U8', shape: [0], bytes: () => new Uint8Array() };
    await expect(joined(writeSafetensors([t, t]))).rejects.toThrow('each tensor name once');
  });
});

describe('readShards', () => {
  const shard = (name: string, value: number) =>
    [name, new Blob([file(`{"t${value}":${entry('U8', '[1]', 0, 1)}}`, 1)])] as const;
  const open = async (map: unknown, ...files: (readonly [string, Blob])[]) => {
    const index = memorySource(new TextEncoder().encode(JSON.stringify({ weight_map: map })), 'index.json');
    return readShards(blobFolder(new Map(files), 'here'), index);
  };

  test('tensors of all shards', async () => {
    const tensors = await open(
      { t1: 'a.safetensors', t2: 'b.safetensors' },
      shard('a.safetensors', 1),
      shard('b.safetensors', 2),
    );
    expect([...tensors.keys()]).toEqual(['t1', 't2']);
  });

  test.each([
    ['a shard that is not there', { t1: 'a.safetensors', t2: 'c.safetensors' }, 'the shard c.safetensors'],
    ['a tensor that is not in its shard', { t1: 'a.safetensors', t3: 'a.safetensors' }, 'expected t3 in a.safetensors'],
    ['a tensor in another shard', { t1: 'b.safetensors', t2: 'a.safetensors' }, 'expected t1 in b.safetensors'],
    ['a path out of the folder', { t1: '../a.safetensors' }, 'names of .safetensors files'],
    ['no map', undefined, 'a weight_map'],
  ])('%s is refused', async (_, map, message) => {
    await expect(open(map, shard('a.safetensors', 1), shard('b.safetensors', 2))).rejects.toThrow(message);
  });

  test('a tensor in two shards is refused', async () => {
    const files = [shard('a.safetensors', 1), shard('b.safetensors', 1)];
    await expect(open({ t1: 'a.safetensors', t2: 'b.safetensors' }, ...files)).rejects.toThrow('expected t1 in one shard');
  });
});
