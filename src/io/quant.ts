// f32 to stored bytes, as ggml's reference quantizers round: what `--base` and `--dtype` write. Reading is in dequant.ts.
import { type EncodableFormat, FORMATS, formatBytes } from '../formats.ts';
import { finiteF16, setHalf } from './half.ts';
import { encodeQ4K, encodeQ6K } from './quant-k.ts';

/** The values as `format`, little-endian. A count that is not whole blocks, or a value beyond f16's range, is an error. */
export function encode(format: EncodableFormat, values: Float32Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(formatBytes(format, values.length));
  ENCODERS[format](values, bytes);
  return bytes;
}

const ENCODERS: Record<EncodableFormat, (values: Float32Array, out: Uint8Array<ArrayBuffer>) => void> = {
  f32: (values, out) => out.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength)),
  f16: (values, out) => {
    const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
    const to = new Uint16Array(out.buffer);
    for (let i = 0; i < bits.length; i++) {
      const b = bits[i];
      const magnitude = b & 0x7fffffff;
      // normal as f16: most weights are, and need no call
      to[i] =
        magnitude >= 0x38800000 && magnitude < 0x477fe000
          ? ((b >>> 16) & 0x8000) | ((magnitude - 0x38000000 + 0xfff + ((magnitude >> 13) & 1)) >> 13)
          : finiteF16(b);
    }
  },
  bf16: (values, out) => {
    const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
    const to = new Uint16Array(out.buffer);
    for (let i = 0; i < bits.length; i++) {
      const b = bits[i];
      const nan = (b & 0x7fffffff) > 0x7f800000;
      to[i] = nan ? (b >>> 16) | 64 : (b + 0x7fff + ((b >>> 16) & 1)) >>> 16;
    }
  },
  q8_0: (values, out) =>
    eachBlock('q8_0', values, out, (x, at) => {
      const d = round(Math.abs(peak(x)) / 127);
      const inverse = d ? round(1 / d) : 0;
      setHalf(out, at, d);
      for (let i = 0; i < 32; i++) out[at + 2 + i] = roundAway(round(x[i] * inverse));
    }),
  q4_0: (values, out) =>
    eachBlock('q4_0', values, out, (x, at) => {
      const d = round(peak(x) / -8);
      const inverse = d ? round(1 / d) : 0;
      const level = (v: number) => atMost(15, round(round(v * inverse) + 8.5));
      setHalf(out, at, d);
      for (let i = 0; i < 16; i++) out[at + 2 + i] = level(x[i]) | (level(x[i + 16]) << 4);
    }),
  q4_1: (values, out) =>
    eachBlock('q4_1', values, out, (x, at) => {
      const [low, high] = ends(x);
      const d = round(round(high - low) / 15);
      const inverse = d ? round(1 / d) : 0;
      const level = (v: number) => atMost(15, round(round(round(v - low) * inverse) + 0.5));
      setHalf(out, at, d);
      setHalf(out, at + 2, low);
      for (let i = 0; i < 16; i++) out[at + 4 + i] = level(x[i]) | (level(x[i + 16]) << 4);
    }),
  q5_0: (values, out) =>
    eachBlock('q5_0', values, out, (x, at) => {
      const d = round(peak(x) / -16);
      const inverse = d ? round(1 / d) : 0;
      const level = (v: number) => atMost(31, round(round(v * inverse) + 16.5));
      setHalf(out, at, d);
      for (let i = 0; i < 16; i++) {
        const [low, high] = [level(x[i]), level(x[i + 16])];
        out[at + 6 + i] = (low & 15) | ((high & 15) << 4);
        out[at + 2 + (i >> 3)] |= (low >> 4) << (i & 7);
        out[at + 4 + (i >> 3)] |= (high >> 4) << (i & 7);
      }
    }),
  q4_k: (values, out) => eachBlock('q4_k', values, out, (x, at) => encodeQ4K(x, out, at)),
  q6_k: (values, out) => eachBlock('q6_k', values, out, (x, at) => encodeQ6K(x, out, at)),
};

const round = Math.fround;

function eachBlock(
  format: EncodableFormat,
  values: Float32Array,
  out: Uint8Array,
  one: (x: Float32Array, at: number) => void,
): void {
  const { block, bytes } = FORMATS[format];
  for (let i = 0, at = 0; at < out.length; i += block, at += bytes) one(values.subarray(i, i + block), at);
}

// The first of the values furthest from 0, NaN where there is one. Comparisons of numbers alone are what costs least.
function peak(x: Float32Array): number {
  let [most, size] = [0.0, 0.0];
  for (let i = 0; i < x.length; i++) {
    const v = x[i];
    const own = v < 0 ? -v : v;
    if (own <= size) continue;
    if (Number.isNaN(v)) return v; // seldom asked
    most = v;
    size = own;
  }
  return most;
}

// Least and largest; NaN where there is one.
function ends(x: Float32Array): [low: number, high: number] {
  let [low, high] = [x[0], x[0]];
  for (const v of x) [low, high] = [Math.min(low, v), Math.max(high, v)];
  return [low, high];
}

// The nearest whole number, away from 0 in the middle; of NaN 0.
function roundAway(x: number): number {
  return (x < 0 ? x - 0.5 : x + 0.5) | 0;
}

// The whole part, and no more than so much; of NaN 0.
function atMost(most: number, x: number): number {
  return x >= most ? most : x | 0;
}
