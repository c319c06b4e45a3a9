// How the blocks of a file become words on the device, and how many.

import { describe, expect, test } from 'vitest';
import { FORMATS as FILE } from '../../src/formats.ts';
import { isStored, STORED, type StoredFormat, splitQuants, storedBytes } from '../../src/ops/stored/formats.ts';
import { FORMATS, QUANTIZED, storedNoise } from './stored.ts';

test('the device reads every format that files have, but f64', () => {
  expect([...FORMATS].sort()).toEqual(
    Object.keys(FILE)
      .filter((f) => f !== 'f64')
      .sort(),
  );
  expect([isStored('q4_k'), isStored('f64'), isStored('iq4_nl')]).toEqual([true, false, false]);
});

test.each([
  ['f32', 4 * 1024, undefined],
  ['f16', 2 * 1024, undefined],
  ['bf16', 2 * 1024, undefined],
  ['q8_0', 32 * 32, 64],
  ['q4_0', 32 * 16, 64],
  ['q4_1', 32 * 20, undefined],
  ['q5_0', 32 * 20, 64],
  ['q5_1', 32 * 24, undefined],
  ['q2_k', 4 * 84, undefined],
  ['q3_k', 4 * 108, 8],
  ['q4_k', 4 * 144, undefined],
  ['q5_k', 4 * 176, undefined],
  ['q6_k', 4 * 208, 8],
] as [StoredFormat, number, number | undefined][])(
  '4 rows of 256 values of %s are %i bytes, and %s of scales',
  (format, q, s) => {
    expect(storedBytes(format, 4, 256)).toEqual(s === undefined ? { q } : { q, s });
    const bytes = storedNoise(format, 1024);
    const split = splitQuants(format, bytes);
    expect([split.q.length, split.s?.length]).toEqual([q, s]);
    expect(q + (s ?? 0)).toBe(bytes.length);
  },
);

describe('splitQuants', () => {
  test.each([
    ['q4_0', 0, 18],
    ['q6_k', 208, 210],
  ] as [StoredFormat, number, number][])('%s moves the two bytes at %i of every %i', (format, at, size) => {
    const bytes = Uint8Array.from({ length: 3 * size }, (_, i) => i % 251);
    const { q, s } = splitQuants(format, bytes);
    const odd = (i: number) => i % size === at || i % size === at + 1;
    expect([...s!]).toEqual([...bytes].filter((_, i) => odd(i)));
    expect([...q]).toEqual([...bytes].filter((_, i) => !odd(i)));
  });

  test('a view that begins at an odd byte splits like any other', () => {
    const bytes = storedNoise('q8_0', 64);
    const odd = new Uint8Array(bytes.length + 1);
    odd.set(bytes, 1);
    expect(splitQuants('q8_0', odd.subarray(1))).toEqual(splitQuants('q8_0', bytes));
  });

  test('a part of a block is refused', () => {
    expect(() => splitQuants('q4_0', new Uint8Array(35))).toThrow('whole blocks of 18 bytes for q4_0, got 35 bytes');
  });
});

test.each(QUANTIZED)('rows of %s that are no whole blocks are refused', (format) => {
  const { block } = STORED[format];
  expect(storedBytes(format, 1, block).q).toBeGreaterThan(0);
  expect(() => storedBytes(format, 1, block + 1)).toThrow(`whole blocks of ${block} values for ${format}, got ${block + 1}`);
});
