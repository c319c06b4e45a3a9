// Stored formats as the device holds them: the WGSL part that reads each, their sizes, and the split of quantized blocks
// into two aligned arrays (a q4_0 block is 18 bytes, which no binding can address). Decoding on the CPU is in io.

import bf16 from '../../shaders/format_bf16.wgsl?raw' with { type: 'text' };
import f16 from '../../shaders/format_f16.wgsl?raw' with { type: 'text' };
import f32 from '../../shaders/format_f32.wgsl?raw' with { type: 'text' };
import q4_0 from '../../shaders/format_q4_0.wgsl?raw' with { type: 'text' };
import q4_1 from '../../shaders/format_q4_1.wgsl?raw' with { type: 'text' };
import q8_0 from '../../shaders/format_q8_0.wgsl?raw' with { type: 'text' };

interface Stored {
  /** Declares wq (and ws), weight(i) and weight4(i). */
  part: string;
  /** Values of a block, its bytes in the file, and how many of these come first as scales. */
  block: number;
  bytes: number;
  scales: number;
}

export const STORED = {
  f32: { part: f32, block: 1, bytes: 4, scales: 0 },
  f16: { part: f16, block: 1, bytes: 2, scales: 0 },
  bf16: { part: bf16, block: 1, bytes: 2, scales: 0 },
  q8_0: { part: q8_0, block: 32, bytes: 34, scales: 2 },
  q4_0: { part: q4_0, block: 32, bytes: 18, scales: 2 },
  q4_1: { part: q4_1, block: 32, bytes: 20, scales: 4 },
} satisfies Record<string, Stored>;

export type Format = keyof typeof STORED;

export const isStored = (format: string): format is Format => format in STORED;

/** Bytes of `rows` whole rows on the device: values, and scales where the format has them apart. */
export function storedBytes(format: Format, rows: number, cols: number): { q: number; s?: number } {
  const { block, bytes, scales } = STORED[format];
  if (cols % block)
    throw new Error(`expected rows of whole blocks of ${block} values for ${format}, got ${cols} columns: use --base f16`);
  const blocks = (rows * cols) / block;
  return scales ? { q: blocks * (bytes - scales), s: blocks * scales } : { q: blocks * bytes };
}

/** The bytes of whole blocks as the device wants them: values and scales apart. Plain formats come back as they are. */
export function splitQuants(
  format: Format,
  bytes: Uint8Array<ArrayBuffer>,
): { q: Uint8Array<ArrayBuffer>; s?: Uint8Array<ArrayBuffer> } {
  const { bytes: block, scales } = STORED[format];
  if (!scales) return { q: bytes };
  const n = bytes.length / block;
  const rest = block - scales;
  const q = new Uint8Array(n * rest);
  const s = new Uint8Array(n * scales);
  for (let i = 0; i < n; i++) {
    const at = i * block;
    for (let j = 0; j < scales; j++) s[i * scales + j] = bytes[at + j];
    for (let j = 0; j < rest; j++) q[i * rest + j] = bytes[at + scales + j];
  }
  return { q, s };
}
