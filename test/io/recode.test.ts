import { describe, expect, test } from 'vitest';
import type { EncodableFormat, Format } from '../../src/formats.ts';
import { decode } from '../../src/io/dequant.ts';
import { encode } from '../../src/io/quant.ts';
import { recode } from '../../src/io/recode.ts';

// Weights of every size that halves have, subnormal and exact ties among them; more than two strips, and the last cut short.
const count = 2 * 8192 + 256;
const values = Float32Array.from({ length: count }, (_, i) => Math.sin(i * 1.7) * 2 ** ((i % 31) - 26) * (i % 97 ? 1 : -0));

const FROM: EncodableFormat[] = ['f32', 'f16', 'bf16', 'q8_0', 'q4_0', 'q4_1', 'q5_0', 'q6_k'];
const TO: EncodableFormat[] = ['f32', 'f16', 'bf16', 'q8_0', 'q4_0', 'q4_1', 'q5_0'];

describe('recode', () => {
  test.each(FROM.flatMap((from) => TO.map((to): [Format, EncodableFormat] => [from, to])))(
    '%s as %s is what decode and encode make of it',
    (from, to) => {
      const stored = encode(from as EncodableFormat, values);
      const expected = from === to ? stored : encode(to, decode(from, stored, count));
      expect(recode(from, stored, to, count)).toEqual(expected);
    },
  );

  test.each(['q4_0', 'q4_1'] as const)('every level of %s becomes the half of its value', (format) => {
    const block = encode(
      format,
      Float32Array.from({ length: 32 }, (_, i) => 0.1 * i - 1.3),
    );
    const nibbles = block.subarray(block.length - 16);
    for (let i = 0; i < 16; i++) nibbles[i] = i | ((15 - i) << 4);
    const halves = decode('f16', recode(format, block, 'f16', 32), 32);
    expect(new Set(halves).size).toBe(16);
    expect(halves.slice(16)).toEqual(halves.slice(0, 16).reverse());
  });

  test('a value that f16 cannot hold is refused', () => {
    const stored = new Uint8Array(20);
    new Uint16Array(stored.buffer).set([0x7bff, 0x7bff]); // d and m: the largest halves
    stored[4] = 1;
    expect(() => recode('q4_1', stored, 'f16', 32)).toThrow('below 65520 to store in f16, got 131008');
  });
});
