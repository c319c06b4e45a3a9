// Every rule of safetensors and GGUF broken by a file of its own: refused at once, in words that name it; and odd files that break
// none: read.
import { describe, expect, test } from 'vitest';
import { memorySource } from '../../src/io/bytes.ts';
import { readGguf } from '../../src/io/gguf.ts';
import { readSafetensors } from '../../src/io/safetensors.ts';
import * as gguf from './rules/gguf.ts';
import * as safetensors from './rules/safetensors.ts';

describe('safetensors', () => {
  test('there are enough of them', () => {
    expect(safetensors.BROKEN.length).toBeGreaterThanOrEqual(90);
    expect(safetensors.ODD.length).toBeGreaterThanOrEqual(20);
    expect(new Set(safetensors.BROKEN.map(([rule]) => rule)).size).toBe(safetensors.BROKEN.length);
  });

  test.each(safetensors.BROKEN)('%s', { timeout: 60_000 }, async (_, bytes, message) => {
    await expect(readSafetensors(memorySource(bytes, 'x.safetensors'))).rejects.toThrow(message);
  });

  test.each(safetensors.ODD)('%s is read', async (_, bytes, expected) => {
    const { tensors } = await readSafetensors(memorySource(bytes));
    const read: [string, [number[], number[]]][] = [];
    for (const { name, shape, source, offset, bytes: n } of tensors.values())
      read.push([name, [shape, [...(await source.read(offset, n))]]]);
    expect(read.sort()).toEqual(Object.entries(expected).sort());
  });
});

describe('GGUF', () => {
  test('there are enough of them', () => {
    expect(gguf.BROKEN.length).toBeGreaterThanOrEqual(70);
    expect(gguf.ODD.length).toBeGreaterThanOrEqual(20);
    expect(new Set(gguf.BROKEN.map(([rule]) => rule)).size).toBe(gguf.BROKEN.length);
  });

  test.each(gguf.BROKEN)('%s', { timeout: 60_000 }, async (_, bytes, message) => {
    await expect(readGguf(memorySource(bytes, 'x.gguf'))).rejects.toThrow(message);
  });

  test.each(gguf.ODD)('%s is read', async (_, bytes, keys, tensors) => {
    const read = await readGguf(memorySource(bytes));
    expect([...read.metadata.keys()]).toEqual(keys);
    expect(Object.fromEntries([...read.tensors].map(([name, { dims }]) => [name, dims]))).toEqual(tensors);
    for (const { offset, bytes: n } of read.tensors.values())
      expect([...(await read.source.read(offset, n))]).toEqual(
        Array.from({ length: n }, (_, i) => i + (offset - [...read.tensors.values()][0].offset)),
      );
  });
});
