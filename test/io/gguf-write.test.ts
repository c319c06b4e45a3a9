// What the writer of GGUF writes, our strict reader reads: every type of value, headers that outgrow their first buffer, gaps.
import { expect, test } from 'vitest';
import { memorySource } from '../../src/io/bytes.ts';
import { readGguf } from '../../src/io/gguf.ts';
import { type GgufField, writeGguf } from '../../src/io/gguf-write.ts';

test('keys of every type and tensors of odd sizes come back', async () => {
  const tokens = Array.from({ length: 30_000 }, (_, i) => `token ${i} ▁ü`);
  const fields: GgufField[] = [
    ['general.architecture', 'string', 'llama'],
    ['a', 'u32', 4_000_000_000],
    ['b', 'f32', 0.5],
    ['c', 'bool', true],
    ['tokens', 'strings', tokens],
    ['types', 'i32s', tokens.map((_, i) => i - 7)],
    ['scores', 'f32s', tokens.map((_, i) => -i)],
    ['none', 'strings', []],
  ];
  const bytes = (n: number, of: number) => new Uint8Array(n).fill(of);
  const tensors = [
    { name: 'x', format: 'f32' as const, shape: [3], chunks: () => [bytes(5, 1), bytes(7, 1)] },
    { name: 'y', format: 'q8_0' as const, shape: [2, 32], chunks: () => [bytes(68, 2)] },
  ];
  const chunks: Uint8Array[] = [];
  for await (const chunk of writeGguf(fields, tensors)) chunks.push(chunk.slice());
  const file = new Uint8Array(await new Blob(chunks as BlobPart[]).arrayBuffer());
  const read = await readGguf(memorySource(file));
  expect([...read.metadata]).toEqual(fields.map(([key, , value]) => [key, value]));
  const { x, y } = Object.fromEntries(read.tensors) as Record<string, { offset: number; dims: number[] }>;
  expect([x.dims, y.dims]).toEqual([[3], [32, 2]]);
  expect([...file.subarray(x.offset, x.offset + 13)]).toEqual([...bytes(12, 1), 0]);
  expect(file.subarray(y.offset, y.offset + 68)).toEqual(bytes(68, 2));
});

test('a tensor of another size than its shape says is an error', async () => {
  const short = { name: 'x', format: 'f32' as const, shape: [3], chunks: () => [new Uint8Array(8)] };
  const all = async () => {
    for await (const _ of writeGguf([], [short]));
  };
  await expect(all()).rejects.toThrow('expected 12 bytes for x, got 8');
});
