import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { decode } from '../../src/io/dequant.ts';
import { encode, toF16 } from '../../src/io/quant.ts';
import { FIXTURES, fromBase64 } from './shared.ts';

const { encode: fixture } = JSON.parse(readFileSync(`${FIXTURES}/quants.json`, 'utf8'));
const floats = (text: string) => new Float32Array(fromBase64(text).buffer);

describe('encode', () => {
  test.each(['f32', 'f16', 'bf16', 'q8_0', 'q4_0'] as const)('%s equals the gguf package byte for byte', (format) => {
    expect(encode(format, floats(fixture.values))).toEqual(fromBase64(fixture[format]));
  });

  test.each(['f16', 'bf16'] as const)('%s rounds ties to even, and at the ends of its range', (format) => {
    expect(encode(format, floats(fixture.ties.values))).toEqual(fromBase64(fixture.ties[format]));
  });

  test('every f16 comes back from f32', () => {
    const patterns = Uint16Array.from({ length: 65536 }, (_, i) => i).filter((h) => (h & 0x7fff) <= 0x7c00);
    const values = decode('f16', new Uint8Array(patterns.buffer), patterns.length);
    expect(Uint16Array.from(values, toF16)).toEqual(patterns);
  });

  test('NaN stays NaN', () => {
    expect(decode('f16', encode('f16', new Float32Array([NaN])), 1)[0]).toBeNaN();
    expect(decode('bf16', encode('bf16', new Float32Array([NaN])), 1)[0]).toBeNaN();
  });

  test('a part of a block is refused', () => {
    expect(() => encode('q8_0', new Float32Array(31))).toThrow('a multiple of 32 values for q8_0, got 31');
  });
});
