// f32 to stored bytes, as ggml's reference quantizers round: what `--base` and `--dtype` write. Reading is in dequant.ts.
import { type EncodableFormat, formatBytes } from '../formats.ts';
import { halfOf, setHalf } from './half.ts';
import { encodeQ4K, encodeQ6K } from './quant-k.ts';

/** The values as `format`, little-endian. A count that is not whole blocks, or a value beyond f16's range, is an error. */
export function encode(format: EncodableFormat, values: Float32Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(formatBytes(format, values.length));
  encodeInto(format, values, bytes);
  return bytes;
}

/** As `encode`, into bytes that are there, of just the size, all 0. */
export function encodeInto(format: EncodableFormat, values: Float32Array, out: Uint8Array<ArrayBuffer>): void {
  ENCODERS[format](values, out);
}

/** The f16 nearest to each value, by its bits. */
export function toHalves(bits: Int32Array, halves: Uint16Array): void {
  for (let i = 0; i < bits.length; i++) halves[i] = halfOf(bits[i]);
}

// Signs and sizes of weights are as good as random: what asks for them by a branch waits for nearly every value, so that levels are
// found by sums and shifts alone.
const ENCODERS: Record<EncodableFormat, (values: Float32Array, out: Uint8Array<ArrayBuffer>) => void> = {
  f32: (values, out) => out.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength)),
  f16: (values, out) => toHalves(bitsOf(values), new Uint16Array(out.buffer, out.byteOffset, values.length)),
  bf16: (values, out) => {
    const bits = bitsOf(values);
    const to = new Uint16Array(out.buffer, out.byteOffset, values.length);
    for (let i = 0; i < bits.length; i++) {
      const b = bits[i];
      const nan = (b & MAGNITUDE) > INFINITE;
      to[i] = nan ? (b >>> 16) | 64 : (b + 0x7fff + ((b >>> 16) & 1)) >>> 16;
    }
  },
  q8_0: (values, out) => {
    const bits = bitsOf(values);
    for (let o = 0, at = 0; at < out.length; o += 32, at += 34) {
      const d = round(Math.abs(peakOf(values, bits, o, o + 32)) / 127);
      const inverse = inverseOf(d);
      setHalf(out, at, d);
      // the nearest, away from 0 in the middle; of NaN 0
      for (let i = 0; i < 32; i++) {
        const sign = bits[o + i] >> 31;
        out[at + 2 + i] = (((Math.abs(round(values[o + i] * inverse)) + 0.5) | 0) ^ sign) - sign;
      }
    }
  },
  q4_0: (values, out) => {
    const bits = bitsOf(values);
    for (let o = 0, at = 0; at < out.length; o += 32, at += 18) {
      const d = round(peakOf(values, bits, o, o + 32) / -8);
      const inverse = inverseOf(d);
      setHalf(out, at, d);
      for (let i = 0; i < 16; i++) {
        const low = atMost15(level(values[o + i], inverse, 8.5));
        const high = atMost15(level(values[o + i + 16], inverse, 8.5));
        out[at + 2 + i] = low | (high << 4);
      }
    }
  },
  q4_1: (values, out) => {
    for (let o = 0, at = 0; at < out.length; o += 32, at += 20) {
      let least = values[o];
      let most = least;
      for (let i = o; i < o + 32; i++) {
        least = Math.min(least, values[i]);
        most = Math.max(most, values[i]);
      }
      const d = round(round(most - least) / 15);
      const inverse = inverseOf(d);
      setHalf(out, at, d);
      setHalf(out, at + 2, least);
      for (let i = 0; i < 16; i++) {
        const low = atMost15(level(round(values[o + i] - least), inverse, 0.5));
        const high = atMost15(level(round(values[o + i + 16] - least), inverse, 0.5));
        out[at + 4 + i] = low | (high << 4);
      }
    }
  },
  q5_0: (values, out) => {
    const bits = bitsOf(values);
    for (let o = 0, at = 0; at < out.length; o += 32, at += 22) {
      const d = round(peakOf(values, bits, o, o + 32) / -16);
      const inverse = inverseOf(d);
      setHalf(out, at, d);
      for (let i = 0; i < 16; i++) {
        const low = atMost31(level(values[o + i], inverse, 16.5));
        const high = atMost31(level(values[o + i + 16], inverse, 16.5));
        out[at + 6 + i] = (low & 15) | ((high & 15) << 4);
        out[at + 2 + (i >> 3)] |= (low >> 4) << (i & 7);
        out[at + 4 + (i >> 3)] |= (high >> 4) << (i & 7);
      }
    }
  },
  q4_k: (values, out) => {
    for (let o = 0, at = 0; at < out.length; o += 256, at += 144) encodeQ4K(values.subarray(o, o + 256), out, at);
  },
  q6_k: (values, out) => {
    for (let o = 0, at = 0; at < out.length; o += 256, at += 210) encodeQ6K(values.subarray(o, o + 256), out, at);
  },
};

const round = Math.fround;
const MAGNITUDE = 0x7fffffff;
const INFINITE = 0x7f800000;

const bitsOf = (values: Float32Array) => new Int32Array(values.buffer, values.byteOffset, values.length);

/** The first of the values from `from` to `end` that are furthest from 0; NaN where there is one. `bits` are those of the values. */
export function peakOf(values: Float32Array, bits: Int32Array, from: number, end: number): number {
  let most = 0;
  for (let i = from; i < end; i++) most = Math.max(most, bits[i] & MAGNITUDE);
  let at = from;
  while ((bits[at] & MAGNITUDE) !== most) at++;
  return most ? values[at] : 0;
}

/** 1 / d, and 0 for none. Where that overflows, d is 0 as f16, and levels mean nothing. */
export const inverseOf = (d: number) => (d ? round(1 / d) : 0);

// The nearest whole number to x + middle - 0.5; of NaN 0. It is one too high at most, where -peak lies as far out as the peak.
const level = (x: number, inverse: number, middle: number) => round(round(x * inverse) + middle) | 0;
const atMost15 = (level: number) => level - (level >> 4);
const atMost31 = (level: number) => level - (level >> 5);
