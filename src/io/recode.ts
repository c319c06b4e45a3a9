// Stored bytes of one format as those of another, bit for bit decode and encode one after the other: through f32 in strips that stay in
// the processor's cache, or, where a block has but 16 values and halves are wanted, by rounding those 16.
import { type EncodableFormat, FORMATS, type Format, formatBytes } from '../formats.ts';
import { decode, decodeInto, type LevelFormat, levelsOf } from './dequant.ts';
import { encodeInto, toHalves } from './quant.ts';

/** `count` values stored as `from`, as `to`. What `encode` refuses is an error. */
export function recode(
  from: Format,
  bytes: Uint8Array<ArrayBuffer>,
  to: EncodableFormat,
  count: number,
): Uint8Array<ArrayBuffer> {
  if (from === to) return bytes;
  if (to === 'f32') return new Uint8Array(decode(from, bytes, count).buffer);
  const out = new Uint8Array(formatBytes(to, count));
  if (to === 'f16' && (from === 'q4_0' || from === 'q4_1')) halvesByLevels(from, bytes, new Uint16Array(out.buffer));
  else
    for (let i = 0; i < count; i += STRIP) {
      const values = strip.subarray(0, Math.min(STRIP, count - i));
      const [of, end] = [formatBytes(from, i), formatBytes(from, i + values.length)];
      decodeInto(from, bytes.subarray(of, end), values);
      encodeInto(to, values, out.subarray(formatBytes(to, i), formatBytes(to, i + values.length)));
    }
  return out;
}

/** Values of a strip: whole blocks of every format. */
const STRIP = 1 << 13;
const strip = new Float32Array(STRIP);

function halvesByLevels(from: LevelFormat, bytes: Uint8Array, out: Uint16Array): void {
  const size = FORMATS[from].bytes;
  const levels = new Float32Array(16);
  const bits = new Int32Array(levels.buffer);
  const halves = new Uint16Array(16);
  for (let at = 0, o = 0; at < bytes.length; at += size, o += 32) {
    levelsOf(from, bytes, at, levels);
    toHalves(bits, halves);
    const nibbles = at + size - 16;
    for (let i = 0; i < 16; i++) {
      const byte = bytes[nibbles + i];
      out[o + i] = halves[byte & 15];
      out[o + i + 16] = halves[byte >> 4];
    }
  }
}
