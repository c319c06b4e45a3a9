// A stream's hash: the same however the stream is cut, another for any other byte or length, and a known value.
import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { PIECE, pieced, sha256, streamHash } from '../../src/io/hash.ts';

const bytes = (n: number) => Uint8Array.from({ length: n }, (_, i) => (i * 2654435761) >>> 13);
const sum = (data: Uint8Array) => createHash('sha256').update(data).digest();

/** By the definition: the sum over the sums of the pieces, and the length in digits. */
function defined(data: Uint8Array): string {
  const all = createHash('sha256');
  const pieces = Math.floor(data.length / PIECE) + 1;
  for (let i = 0; i < pieces; i++) all.update(sum(data.subarray(i * PIECE, (i + 1) * PIECE)));
  return all.update(String(data.length)).digest('hex');
}

test.each([0, 1, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE + 7])('of %i bytes, in parts of any size', async (n) => {
  const data = bytes(n);
  const cut = function* (size: number) {
    for (let at = 0; at < n; at += size) yield data.subarray(at, at + size);
  };
  const want = defined(data);
  for (const size of [PIECE / 2 + 3, PIECE, 3 * PIECE]) expect(await streamHash(cut(size))).toBe(want);
});

test.each([1, PIECE / 2 + 3, 2 * PIECE - 1])('parts of %i bytes become pieces of one size, and a rest', async (size) => {
  const data = bytes(size === 1 ? 5 : 2 * PIECE + 7);
  const parts = Array.from({ length: Math.ceil(data.length / size) }, (_, i) => data.subarray(i * size, (i + 1) * size));
  const pieces: Buffer[] = [];
  for await (const piece of pieced(parts)) pieces.push(Buffer.from(piece)); // copied: a piece is good until the next
  expect(pieces.slice(0, -1).every(({ length }) => length === PIECE)).toBe(true);
  expect(Buffer.concat(pieces).equals(data)).toBe(true);
});

test('another byte or another length is another hash', async () => {
  const data = bytes(100);
  const other = data.slice();
  other[99] ^= 1;
  const hashes = await Promise.all([data, other, data.subarray(1), bytes(101)].map((d) => streamHash([d])));
  expect(new Set(hashes).size).toBe(4);
});

test('of bytes in memory it is SHA-256', async () => {
  expect(await sha256(bytes(1000))).toBe(sum(bytes(1000)).toString('hex'));
});
