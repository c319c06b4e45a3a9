import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { decode } from '../../src/io/dequant.ts';
import { encode } from '../../src/io/quant.ts';
import { FIXTURES, fromBase64 } from './shared.ts';

const { encode: fixture, encode_k: k } = JSON.parse(readFileSync(`${FIXTURES}/quants.json`, 'utf8'));
const f16Of = (values: Float32Array) => new Uint16Array(encode('f16', values).buffer);
const floats = (text: string) => new Float32Array(fromBase64(text).buffer);

describe('encode', () => {
  test.each(['f32', 'f16', 'bf16', 'q8_0', 'q4_0', 'q4_1', 'q5_0'] as const)(
    '%s equals the gguf package byte for byte',
    (format) => {
      expect(encode(format, floats(fixture.values))).toEqual(fromBase64(fixture[format]));
    },
  );

  test.each(['q4_k', 'q6_k'] as const)("%s errs no more than ggml's own quantizer, block by block", (format) => {
    const values = floats(k.values);
    const error = (bytes: Uint8Array, block: number) => {
      const back = decode(format, bytes, values.length);
      let sum = 0;
      for (let i = 256 * block; i < 256 * (block + 1); i++) sum += (back[i] - values[i]) ** 2;
      return Math.sqrt(sum);
    };
    const ours = encode(format, values);
    for (let block = 0; block < 4; block++)
      expect(error(ours, block)).toBeLessThanOrEqual(1.005 * error(fromBase64(k[format]), block));
    expect(error(ours, 0)).toBeGreaterThan(0);
  });

  test('f16 and bf16 round ties to even, and at the ends of their range', () => {
    const ties = floats(fixture.ties.values);
    const f16 = new Uint16Array(fromBase64(fixture.ties.f16).buffer);
    const held = [...ties.keys()].filter((i) => Math.abs(ties[i]) < 65520 || !Number.isFinite(ties[i]));
    expect(held.length).toBeGreaterThan(ties.length / 2);
    expect(f16Of(Float32Array.from(held, (i) => ties[i]))).toEqual(Uint16Array.from(held, (i) => f16[i]));
    expect(encode('bf16', ties)).toEqual(fromBase64(fixture.ties.bf16));
  });

  test('a value that f16 cannot hold is refused, infinity kept', () => {
    expect(encode('f16', new Float32Array([65519.996, Infinity]))).toEqual(new Uint8Array([0xff, 0x7b, 0, 0x7c]));
    expect(() => encode('f16', new Float32Array([1, -65520]))).toThrow('below 65520 to store in f16, got -65520');
    expect(() => encode('q8_0', new Float32Array(32).fill(1e7))).toThrow('to store in f16');
  });

  test('every f16 comes back from f32', () => {
    const patterns = Uint16Array.from({ length: 65536 }, (_, i) => i).filter((h) => (h & 0x7fff) <= 0x7c00);
    const values = decode('f16', new Uint8Array(patterns.buffer), patterns.length);
    expect(f16Of(values)).toEqual(patterns);
  });

  test('NaN stays NaN', () => {
    expect(decode('f16', encode('f16', new Float32Array([NaN])), 1)[0]).toBeNaN();
    expect(decode('bf16', encode('bf16', new Float32Array([NaN])), 1)[0]).toBeNaN();
  });

  test('a part of a block is refused', () => {
    expect(() => encode('q8_0', new Float32Array(31))).toThrow('a multiple of 32 values for q8_0, got 31');
  });
});
