// f32 to stored bytes, as ggml's reference quantizers round: what `--base` and `--dtype` write. Reading is in dequant.ts.
import { FORMATS, formatBytes, type WritableFormat } from '../formats.ts';

/** The values as `format`, little-endian. A count that is not whole blocks, or a value beyond f16's range, is an error. */
export function encode(format: WritableFormat, values: Float32Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(formatBytes(format, values.length));
  ENCODERS[format](values, bytes);
  return bytes;
}

/** The f16 bit pattern nearest to that of an f32, ties to even; beyond the range infinity. */
function f16OfBits(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00 | ((magnitude >> 13) & 0x3ff);
  // 65520 is where rounding leaves the range; below 2^-14 the step is 2^-24 whatever the exponent.
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude < 0x38800000) return sign | subnormal(magnitude);
  return sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >> 13) & 1)) >> 13);
}

// The fraction with its leading one, shifted to steps of 2^-24; what falls out decides the rounding.
function subnormal(magnitude: number): number {
  const shift = 126 - (magnitude >> 23);
  if (shift > 24) return 0;
  const fraction = (magnitude & 0x7fffff) | 0x800000;
  const [low, rest, half] = [fraction >> shift, fraction & ((1 << shift) - 1), 1 << (shift - 1)];
  return low + (rest > half || (rest === half && low & 1) ? 1 : 0);
}

const ENCODERS: Record<WritableFormat, (values: Float32Array, out: Uint8Array<ArrayBuffer>) => void> = {
  f32: (values, out) => out.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength)),
  f16: (values, out) => {
    const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
    const to = new Uint16Array(out.buffer);
    for (let i = 0; i < bits.length; i++) to[i] = finiteF16(bits[i]);
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
      const level = (v: number) => Math.min(15, Math.trunc(round(round(v * inverse) + 8.5)));
      setHalf(out, at, d);
      for (let i = 0; i < 16; i++) out[at + 2 + i] = level(x[i]) | (level(x[i + 16]) << 4);
    }),
};

const round = Math.fround;
const FLOAT = new Float32Array(1);
const WORD = new Uint32Array(FLOAT.buffer);

function eachBlock(
  format: 'q8_0' | 'q4_0',
  values: Float32Array,
  out: Uint8Array,
  one: (x: Float32Array, at: number) => void,
): void {
  const { block, bytes } = FORMATS[format];
  for (let i = 0, at = 0; at < out.length; i += block, at += bytes) one(values.subarray(i, i + block), at);
}

// The first of the values furthest from 0, NaN where there is one.
function peak(x: Float32Array): number {
  let most = 0;
  for (let i = 0; i < x.length; i++) {
    if (Number.isNaN(x[i])) return x[i];
    if (Math.abs(x[i]) > Math.abs(most)) most = x[i];
  }
  return most;
}

function setHalf(out: Uint8Array, at: number, value: number): void {
  FLOAT[0] = value;
  const bits = finiteF16(WORD[0]);
  out[at] = bits;
  out[at + 1] = bits >> 8;
}

// A weight that f16 cannot hold would silently become infinite.
function finiteF16(bits: number): number {
  const half = f16OfBits(bits);
  if ((half & 0x7fff) === 0x7c00 && (bits & 0x7fffffff) < 0x7f800000) {
    WORD[0] = bits;
    throw new Error(`expected values below 65520 to store in f16, got ${FLOAT[0]}; choose f32 or bf16`);
  }
  return half;
}

function roundAway(x: number): number {
  return Math.sign(x) * Math.floor(Math.abs(x) + 0.5);
}
