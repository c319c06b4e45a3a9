// Stored bytes to f32, exactly: every product and sum rounded to f32 in the order that ggml and its Python package round them.
// The reference for the GPU's decoding, and the path of weights that train. Writing these formats is in quant.ts.
import { FORMATS, type Format, formatBytes, isFormat } from '../formats.ts';

/** The `count` values in `bytes`, stored as `format`, as f32. Bytes that are not exactly those of `count` values are an error. */
export function decode(format: Format, bytes: Uint8Array, count: number): Float32Array<ArrayBuffer> {
  const out = new Float32Array(count);
  decodeInto(format, bytes, out);
  return out;
}

/** As `decode`, into values that are there. */
export function decodeInto(format: Format, bytes: Uint8Array, out: Float32Array<ArrayBuffer>): void {
  if (!isFormat(format))
    throw new Error(`expected a format among ${Object.keys(FORMATS).join(' ')}, got ${format}; convert the model`);
  const size = formatBytes(format, out.length);
  if (bytes.length !== size) throw new Error(`expected ${size} bytes for ${out.length} values of ${format}, got ${bytes.length}`);
  DECODERS[format](aligned(bytes), out);
}

/** Formats whose blocks are 32 values among 16, a level for each nibble. */
export type LevelFormat = 'q4_0' | 'q4_1';

/** The 16 values of the block of `format` at `at`. */
export function levelsOf(format: LevelFormat, b: Uint8Array, at: number, levels: Float32Array): void {
  const d = half(b, at);
  if (format === 'q4_0') for (let q = 0; q < 16; q++) levels[q] = d * (q - 8);
  else for (let q = 0, m = half(b, at + 2); q < 16; q++) levels[q] = round(d * q) + m;
}

// Run once a block: no arrays or closures are made in them, which would take longer than the block's values.
const DECODERS: Record<Format, (b: Uint8Array<ArrayBuffer>, out: Float32Array<ArrayBuffer>) => void> = {
  f32: (b, out) => new Uint8Array(out.buffer, out.byteOffset, b.length).set(b),
  f64: (b, out) => out.set(new Float64Array(b.buffer, b.byteOffset, out.length)),
  f16: (b, out) => {
    // As bits: a NaN may change its payload on its way through a number.
    const table = new Uint32Array(f16Table().buffer);
    const bits = new Uint32Array(out.buffer, out.byteOffset, out.length);
    const halves = new Uint16Array(b.buffer, b.byteOffset, out.length);
    for (let i = 0; i < halves.length; i++) bits[i] = table[halves[i]];
  },
  bf16: (b, out) => {
    const bits = new Uint32Array(out.buffer, out.byteOffset, out.length);
    const halves = new Uint16Array(b.buffer, b.byteOffset, out.length);
    for (let i = 0; i < halves.length; i++) bits[i] = halves[i] << 16;
  },
  q8_0: blocks('q8_0', (b, at, out, o) => {
    const d = half(b, at);
    for (let i = 0; i < 32; i++) out[o + i] = d * signed(b[at + 2 + i]);
  }),
  q4_0: blocks('q4_0', (b, at, out, o) => {
    const d = half(b, at);
    for (let i = 0; i < 16; i++) {
      const q = b[at + 2 + i];
      out[o + i] = d * ((q & 15) - 8);
      out[o + i + 16] = d * ((q >> 4) - 8);
    }
  }),
  q4_1: blocks('q4_1', (b, at, out, o) => {
    const d = half(b, at);
    const m = half(b, at + 2);
    for (let i = 0; i < 16; i++) {
      const q = b[at + 4 + i];
      out[o + i] = round(d * (q & 15)) + m;
      out[o + i + 16] = round(d * (q >> 4)) + m;
    }
  }),
  q5_0: blocks('q5_0', (b, at, out, o) => {
    const d = half(b, at);
    const high = word(b, at + 2);
    for (let i = 0; i < 16; i++) {
      const q = b[at + 6 + i];
      out[o + i] = d * (((q & 15) | (((high >>> i) & 1) << 4)) - 16);
      out[o + i + 16] = d * (((q >> 4) | (((high >>> (i + 16)) & 1) << 4)) - 16);
    }
  }),
  q5_1: blocks('q5_1', (b, at, out, o) => {
    const d = half(b, at);
    const m = half(b, at + 2);
    const high = word(b, at + 4);
    for (let i = 0; i < 16; i++) {
      const q = b[at + 8 + i];
      out[o + i] = round(d * ((q & 15) | (((high >>> i) & 1) << 4))) + m;
      out[o + i + 16] = round(d * ((q >> 4) | (((high >>> (i + 16)) & 1) << 4))) + m;
    }
  }),
  // 16 scales (low nibble) and minima (high), 256 two-bit values, d, dmin.
  q2_k: blocks('q2_k', (b, at, out, o) => {
    const d = half(b, at + 80);
    const dmin = half(b, at + 82);
    for (let i = 0; i < 256; i++) {
      const scale = b[at + (i >> 4)];
      const q = (b[at + 16 + crumbByte(i)] >> crumbShift(i)) & 3;
      out[o + i] = round(round(d * (scale & 15)) * q) - round(dmin * (scale >> 4));
    }
  }),
  // 256 third bits (0 means minus 4), 256 low two bits, 16 scales of 6 bits, d.
  q3_k: blocks('q3_k', (b, at, out, o) => {
    const d = half(b, at + 108);
    for (let i = 0; i < 256; i++) {
      const low = (b[at + 32 + crumbByte(i)] >> crumbShift(i)) & 3;
      const high = (b[at + (i & 31)] >> (i >> 5)) & 1;
      out[o + i] = round(d * scale3(b, at + 96, i >> 4)) * (low - (high ? 0 : 4));
    }
  }),
  // d, dmin, 8 pairs of 6-bit scale and minimum, 256 nibbles.
  q4_k: blocks('q4_k', (b, at, out, o) => {
    const d = half(b, at);
    const dmin = half(b, at + 2);
    for (let j = 0; j < 8; j++) {
      const [scale, min] = scale4(b, at + 4, j);
      const step = round(d * scale);
      const low = round(dmin * min);
      for (let i = 32 * j; i < 32 * j + 32; i++) out[o + i] = round(step * nibble(b, at + 16, i)) - low;
    }
  }),
  // As q4_k, with 256 fifth bits between the scales and the nibbles.
  q5_k: blocks('q5_k', (b, at, out, o) => {
    const d = half(b, at);
    const dmin = half(b, at + 2);
    for (let j = 0; j < 8; j++) {
      const [scale, min] = scale4(b, at + 4, j);
      const step = round(d * scale);
      const low = round(dmin * min);
      for (let i = 32 * j; i < 32 * j + 32; i++) {
        const q = nibble(b, at + 48, i) | (((b[at + 16 + (i & 31)] >> j) & 1) << 4);
        out[o + i] = round(step * q) - low;
      }
    }
  }),
  // 256 low nibbles, 256 high two bits, 16 signed scales, d.
  q6_k: blocks('q6_k', (b, at, out, o) => {
    const d = half(b, at + 208);
    for (let i = 0; i < 256; i++) {
      const low = (b[at + (i >> 7) * 64 + (i & 63)] >> ((i >> 6) & 1 ? 4 : 0)) & 15;
      const high = (b[at + 128 + crumbByte(i)] >> crumbShift(i)) & 3;
      out[o + i] = round(d * signed(b[at + 192 + (i >> 4)])) * ((low | (high << 4)) - 32);
    }
  }),
};

const round = Math.fround;

type BlockDecoder = (bytes: Uint8Array, at: number, out: Float32Array, o: number) => void;

function blocks(format: Format, one: BlockDecoder): (b: Uint8Array<ArrayBuffer>, out: Float32Array) => void {
  const { block: values, bytes: size } = FORMATS[format];
  return (b, out) => {
    for (let at = 0, o = 0; o < out.length; at += size, o += values) one(b, at, out, o);
  };
}

// The K forms keep 64 values as low and high nibbles of 32 bytes,
function nibble(b: Uint8Array, at: number, i: number): number {
  return (b[at + (i >> 6) * 32 + (i & 31)] >> ((i >> 5) & 1 ? 4 : 0)) & 15;
}

// and 128 two-bit values as the four crumbs of 32 bytes.
function crumbByte(i: number): number {
  return (i >> 7) * 32 + (i & 31);
}

function crumbShift(i: number): number {
  return ((i >> 5) & 3) * 2;
}

// Scale j of 16: low four bits in the nibbles of bytes 0 to 7, high two in the crumbs of bytes 8 to 11.
function scale3(b: Uint8Array, at: number, j: number): number {
  const low = (b[at + (j & 7)] >> (j >> 3 ? 4 : 0)) & 15;
  const high = (b[at + 8 + (j & 3)] >> ((j >> 2) * 2)) & 3;
  return (low | (high << 4)) - 32;
}

// Scale and minimum j of 8: the first four whole in bytes 0 to 7, the others split over their high bits and bytes 8 to 11.
function scale4(b: Uint8Array, at: number, j: number): [number, number] {
  if (j < 4) return [b[at + j] & 63, b[at + 4 + j] & 63];
  const low = b[at + 4 + j];
  return [(low & 15) | ((b[at + j - 4] >> 2) & 48), (low >> 4) | ((b[at + j] >> 2) & 48)];
}

function half(b: Uint8Array, at: number): number {
  return f16Table()[b[at] | (b[at + 1] << 8)];
}

function word(b: Uint8Array, at: number): number {
  return b[at] | (b[at + 1] << 8) | (b[at + 2] << 16) | (b[at + 3] << 24);
}

function signed(byte: number): number {
  return (byte << 24) >> 24;
}

// Typed arrays want their element size as alignment; a view into a file may begin anywhere.
function aligned(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes.byteOffset % 8 || !(bytes.buffer instanceof ArrayBuffer) ? bytes.slice() : (bytes as Uint8Array<ArrayBuffer>);
}

let table: Float32Array<ArrayBuffer> | undefined;

function f16Table(): Float32Array<ArrayBuffer> {
  if (table) return table;
  const bits = new Uint32Array(1 << 16);
  for (let h = 0; h < bits.length; h++) {
    const sign = (h & 0x8000) << 16;
    const exponent = (h >> 10) & 31;
    const fraction = h & 1023;
    const normal = exponent === 31 ? 0x7f800000 | (fraction << 13) : ((exponent + 112) << 23) | (fraction << 13);
    bits[h] = sign | (exponent ? normal : new Uint32Array(new Float32Array([fraction * 2 ** -24]).buffer)[0]);
  }
  table = new Float32Array(bits.buffer);
  return table;
}
