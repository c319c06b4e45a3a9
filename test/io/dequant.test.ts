import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Format } from '../../src/formats.ts';
import { decode } from '../../src/io/dequant.ts';
import { FIXTURES, fromBase64 } from './shared.ts';

const fixture = JSON.parse(readFileSync(`${FIXTURES}/quants.json`, 'utf8'));

describe('decode', () => {
  test.each(Object.keys(fixture.decode))('%s equals the gguf package bit for bit', (format) => {
    const expected = fromBase64(fixture.decode[format].f32);
    const got = decode(format as Format, fromBase64(fixture.decode[format].bytes), expected.length / 4);
    expect(new Uint8Array(got.buffer)).toEqual(expected);
  });

  test('f16 is exact for all patterns', async () => {
    const patterns = Uint16Array.from({ length: 65536 }, (_, i) => i).filter((h) => (h & 0x7fff) <= 0x7c00);
    const values = decode('f16', new Uint8Array(patterns.buffer), patterns.length);
    const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', values));
    expect([...hash].map((b) => b.toString(16).padStart(2, '0')).join('')).toBe(fixture.halves_sha256);
  });

  test('f16 and bf16 keep NaN NaN', () => {
    expect(decode('f16', new Uint8Array([1, 0x7c, 0, 0xfe]), 2)).toEqual(new Float32Array([NaN, NaN]));
    expect(decode('bf16', new Uint8Array([0xc0, 0x7f]), 1)).toEqual(new Float32Array([NaN]));
  });

  test('a view that begins at an odd byte decodes like any other', () => {
    const bytes = new Uint8Array(new Float32Array([1.5, -2]).buffer);
    const odd = new Uint8Array(9);
    odd.set(bytes, 1);
    expect(decode('f32', odd.subarray(1), 2)).toEqual(new Float32Array([1.5, -2]));
    expect(decode('f64', new Uint8Array([9, ...new Uint8Array(new Float64Array([0.1]).buffer)]).subarray(1), 1)[0]).toBe(
      Math.fround(0.1),
    );
  });

  test.each([
    ['q4_0', 18, 33, 'a multiple of 32 values for q4_0, got 33'],
    ['q4_0', 17, 32, 'expected 18 bytes for 32 values of q4_0, got 17'],
    ['f32', 5, 1, 'expected 4 bytes for 1 values of f32, got 5'],
    ['iq4_nl', 18, 32, 'got iq4_nl'],
  ])('%s of %i bytes as %i values is refused', (format, bytes, count, message) => {
    expect(() => decode(format as Format, new Uint8Array(bytes), count)).toThrow(message);
  });
});
