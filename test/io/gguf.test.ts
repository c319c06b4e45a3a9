import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { diskSource, memorySource } from '../../src/io/bytes.ts';
import { GGML_TYPES, readGguf } from '../../src/io/gguf.ts';
import { describeShared, FIXTURES, SHARED, sharedJson } from './shared.ts';

const HANDCRAFTED = 'data/vectors/gguf/handcrafted';
const cases = sharedJson(`${HANDCRAFTED}/cases.json`) ?? { cases: [] };

describeShared('the handcrafted files', () => {
  // The sound TENSORS files are headers without data, which llama.cpp loads without allocating; here they are cut short.
  test.each<[string, string]>(cases.cases.map((c: any) => [c.llama_cpp, c.file]))('%s: %s', async (verdict, file) => {
    const source = await diskSource(`${SHARED}/${HANDCRAFTED}/${file}`);
    const reading = readGguf(source);
    if (verdict === 'loads' && !file.startsWith('TENSORS')) await reading;
    else await expect(reading).rejects.toThrow(/^expected .*, got .*/);
    await source.close();
  });

  test('values and places of a sound file', async () => {
    const source = await diskSource(`${SHARED}/${HANDCRAFTED}/DATA_SUCCESS.gguf`);
    const { metadata, tensors } = await readGguf(source);
    expect(Object.fromEntries(metadata)).toMatchObject(cases.kv);
    const start = tensors.get('my_tensor_0')!.offset;
    for (const { name, dims, type, nbytes } of cases.tensors) {
      const tensor = tensors.get(name)!;
      expect(tensor).toMatchObject({ dims, type: GGML_TYPES[type].name, bytes: nbytes });
      const data = await source.read(tensor.offset, tensor.bytes);
      expect([...data]).toEqual([...data].map((_, j) => (tensor.offset - start + j) % 256));
    }
    await source.close();
  });
});

/** GGUF bytes by hand: numbers are bytes, strings their own bytes, u32 and u64 little-endian. */
const u32 = (n: number) => [n & 255, (n >> 8) & 255, (n >> 16) & 255, n >>> 24];
const u64 = (n: number) => [...u32(n), 0, 0, 0, 0];
const text = (s: string) => [...u64(new TextEncoder().encode(s).length), ...new TextEncoder().encode(s)];
const header = (version: number, tensors: number, keys: number) => [
  71,
  71,
  85,
  70,
  ...u32(version),
  ...u64(tensors),
  ...u64(keys),
];
const open = (bytes: number[]) => readGguf(memorySource(new Uint8Array(bytes), 'x.gguf'));

describe('readGguf', () => {
  test('every value type, in version 2', async () => {
    const values = [
      ...[text('a'), u32(0), [200], text('b'), u32(1), [200], text('c'), u32(2), [1, 2], text('d'), u32(3), [0, 128]],
      ...[text('e'), u32(5), u32(-7), text('f'), u32(6), [0, 0, 192, 63], text('g'), u32(7), [1], text('h'), u32(10), u64(5)],
      ...[
        text('i'),
        u32(11),
        Array(8).fill(255),
        text('j'),
        u32(12),
        [0, 0, 0, 0, 0, 0, 248, 63],
        text('k'),
        u32(10),
        Array(8).fill(255),
      ],
    ].flat();
    const { metadata } = await open([...header(2, 0, 11), ...values]);
    const expected = { a: 200, b: -56, c: 513, d: -32768, e: -7, f: 1.5, g: true, h: 5, i: -1, j: 1.5, k: 2n ** 64n - 1n };
    expect(Object.fromEntries(metadata)).toEqual(expected);
  });

  test('a header longer than the first window is read on', async () => {
    const long = 'x'.repeat(3 << 20);
    const { metadata } = await open([
      ...header(3, 0, 2),
      ...text('long'),
      ...u32(8),
      ...text(long),
      ...text('n'),
      ...u32(4),
      ...u32(9),
    ]);
    expect(metadata.get('long')).toBe(long);
    expect(metadata.get('n')).toBe(9);
  });

  test('a file of 10 GB opens by its first window alone', async () => {
    const values = 2_500_000_000;
    const tensor = [...text('t'), ...u32(1), ...u32(values), ...u32(0), ...u32(0), ...u64(0)];
    const head = memorySource(new Uint8Array(1 << 20));
    const bytes = new Uint8Array([...header(3, 1, 0), ...tensor]);
    const size = 96 + values * 4;
    const read = async (offset: number, length: number) => {
      const window = await head.read(offset, length);
      window.set(bytes.subarray(offset));
      return window;
    };
    const { tensors } = await readGguf({ ...head, size, read });
    expect(tensors.get('t')).toMatchObject({ offset: 64, bytes: 1e10 });
  });
});

describe('damage', () => {
  test('any changed byte of a header reads or is refused in words', async () => {
    const sound = new Uint8Array(readFileSync(`${FIXTURES}/tiny-llama-q8_0.gguf`));
    const end = (await readGguf(memorySource(sound))).tensors.get('rope_freqs.weight')!.offset;
    let refused = 0;
    for (let at = 0; at < end; at++) {
      const bytes = sound.slice();
      bytes[at] ^= [0x80, 0xff, 1][at % 3];
      await readGguf(memorySource(bytes)).catch((e: Error) => {
        refused++;
        if (!/^expected .+, got .+/s.test(e.message)) throw e;
      });
    }
    expect(refused).toBeGreaterThan(100);
  });

  test('a header cut short anywhere is refused', async () => {
    const sound = new Uint8Array(readFileSync(`${FIXTURES}/tiny-llama-q8_0.gguf`));
    for (let size = 0; size < 2000; size += 7)
      await expect(readGguf(memorySource(sound.slice(0, size)))).rejects.toThrow(/^expected .+, got .+|cut short/);
  });
});
