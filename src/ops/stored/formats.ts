// Stored formats as the device holds them: the WGSL part that reads each, and how the blocks of a file become whole words.
// Blocks of a multiple of four bytes stay as they are; the others keep one f16 scale in two odd bytes, which move to an array
// of their own, so that what is left of a block can be addressed. The facts of a format are in src/formats.ts, decoding on the CPU in io.

import bf16 from '../../../shaders/format_bf16.wgsl?raw' with { type: 'text' };
import f16 from '../../../shaders/format_f16.wgsl?raw' with { type: 'text' };
import f32 from '../../../shaders/format_f32.wgsl?raw' with { type: 'text' };
import k from '../../../shaders/format_k.wgsl?raw' with { type: 'text' };
import q2_k from '../../../shaders/format_q2_k.wgsl?raw' with { type: 'text' };
import q3_k from '../../../shaders/format_q3_k.wgsl?raw' with { type: 'text' };
import q4_0 from '../../../shaders/format_q4_0.wgsl?raw' with { type: 'text' };
import q4_1 from '../../../shaders/format_q4_1.wgsl?raw' with { type: 'text' };
import q4_k from '../../../shaders/format_q4_k.wgsl?raw' with { type: 'text' };
import q5_0 from '../../../shaders/format_q5_0.wgsl?raw' with { type: 'text' };
import q5_1 from '../../../shaders/format_q5_1.wgsl?raw' with { type: 'text' };
import q5_k from '../../../shaders/format_q5_k.wgsl?raw' with { type: 'text' };
import q6_k from '../../../shaders/format_q6_k.wgsl?raw' with { type: 'text' };
import q8_0 from '../../../shaders/format_q8_0.wgsl?raw' with { type: 'text' };
import quants from '../../../shaders/format_quants.wgsl?raw' with { type: 'text' };
import scales from '../../../shaders/format_scales.wgsl?raw' with { type: 'text' };
import { FORMATS, type Format, type FormatFacts } from '../../formats.ts';
import { setting } from '../../setting.ts';

interface Stored extends FormatFacts {
  /** Declares wq (and ws), weight(i) and weight4(i). */
  part: string;
  /** Where in the block the f16 lies that moves to ws, if one does. */
  scale: number | null;
}

const plain = (format: Format, part: string): Stored => ({ ...FORMATS[format], part, scale: null });
const blocks = (format: Format, parts: string[], scale: number | null = null): Stored => ({
  ...FORMATS[format],
  part: [quants, ...(scale === null ? [] : [scales]), ...parts].join('\n'),
  scale,
});

/** Every format that the device reads: all that files have, but f64. */
export const STORED = {
  f32: plain('f32', f32),
  f16: plain('f16', f16),
  bf16: plain('bf16', bf16),
  q8_0: blocks('q8_0', [q8_0], 0),
  q4_0: blocks('q4_0', [q4_0], 0),
  q4_1: blocks('q4_1', [q4_1]),
  q5_0: blocks('q5_0', [q5_0], 0),
  q5_1: blocks('q5_1', [q5_1]),
  q2_k: blocks('q2_k', [q2_k]),
  q3_k: blocks('q3_k', [q3_k], 108),
  q4_k: blocks('q4_k', [k, q4_k]),
  q5_k: blocks('q5_k', [k, q5_k]),
  q6_k: blocks('q6_k', [q6_k], 208),
} satisfies Record<string, Stored>;

export type StoredFormat = keyof typeof STORED;

export const isStored = (format: string): format is StoredFormat => Object.hasOwn(STORED, format);

/** Bytes of `rows` whole rows on the device: q, and s where the format's scales lie apart. */
export function storedBytes(format: StoredFormat, rows: number, cols: number): { q: number; s?: number } {
  const { block, bytes, scale } = STORED[format];
  if (cols % block)
    throw new Error(
      `expected rows of whole blocks of ${block} values for ${format}, got ${cols} columns: use ${setting('base')} f16`,
    );
  const n = (rows * cols) / block;
  return scale === null ? { q: n * bytes } : { q: n * (bytes - 2), s: n * 2 };
}

/** The bytes of whole blocks as the device wants them. Those that it takes as they are come back as they are. */
export function splitQuants(
  format: StoredFormat,
  bytes: Uint8Array<ArrayBuffer>,
): { q: Uint8Array<ArrayBuffer>; s?: Uint8Array<ArrayBuffer> } {
  const { bytes: size, scale } = STORED[format];
  if (scale === null) return { q: bytes };
  const n = bytes.length / size;
  if (!Number.isInteger(n)) throw new Error(`expected whole blocks of ${size} bytes for ${format}, got ${bytes.length} bytes`);
  const q = new Uint8Array(n * (size - 2));
  const s = new Uint8Array(n * 2);
  // In halves, which two bytes are: every size and place is even, but a view of a file may begin anywhere.
  const from = halves(bytes.byteOffset % 2 ? bytes.slice() : bytes);
  const [toQ, toS, each, odd] = [halves(q), halves(s), size / 2, scale / 2];
  for (let i = 0, at = 0, o = 0; i < n; i++, at += each) {
    toS[i] = from[at + odd];
    for (let j = at; j < at + odd; j++) toQ[o++] = from[j];
    for (let j = at + odd + 1; j < at + each; j++) toQ[o++] = from[j];
  }
  return { q, s };
}

const halves = (b: Uint8Array<ArrayBuffer>) => new Uint16Array(b.buffer, b.byteOffset, b.length / 2);
