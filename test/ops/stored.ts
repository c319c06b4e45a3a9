// Weights in any stored format for tests: bytes as a file may hold them, and a weight on the device made of them.

import { formatBytes } from '../../src/formats.ts';
import { allocate } from '../../src/gpu/scope.ts';
import { write } from '../../src/gpu/tensor.ts';
import { decode } from '../../src/io/dequant.ts';
import { encode } from '../../src/io/quant.ts';
import { STORED, type StoredFormat, splitQuants } from '../../src/ops/stored/formats.ts';
import { newWeight, type Weight } from '../../src/ops/stored/weight.ts';
import { testGpu } from '../gpu/harness.ts';
import { noise } from '../oracle/finite.ts';

export const FORMATS = Object.keys(STORED) as StoredFormat[];
/** Those in blocks of 32 or 256. */
export const QUANTIZED = FORMATS.filter((f) => STORED[f].block > 1);

/** Where a block of the file has its f16s. */
const HALVES: Partial<Record<StoredFormat, number[]>> = {
  q8_0: [0],
  q4_0: [0],
  q4_1: [0, 2],
  q5_0: [0],
  q5_1: [0, 2],
  q2_k: [80, 82],
  q3_k: [108],
  q4_k: [0, 2],
  q5_k: [0, 2],
  q6_k: [208],
};

/** Bytes that a file of this format may hold: any quants; scales of ordinary size, among them 0, -0, a subnormal and a large one. */
export function storedNoise(format: StoredFormat, count: number): Uint8Array<ArrayBuffer> {
  const values = noise(count, 6);
  if (format === 'f32') return new Uint8Array(new Float32Array(values).buffer);
  const { block, bytes: size } = STORED[format];
  const bytes = new Uint8Array(noise(formatBytes(format, count), 5, 128).map((v) => v + 128));
  const view = new DataView(bytes.buffer);
  const halves = new Uint16Array(encode('f16', new Float32Array(values)).buffer);
  const odd = [0, 0x8000, 1, 0x8003, 0x3ff];
  for (let i = 0; i < count / block; i++)
    for (const at of HALVES[format] ?? [0]) {
      const half = i % 9 === 4 ? odd[Math.floor(i / 9) % odd.length] : halves[i];
      view.setUint16(i * size + at, half & (format === 'bf16' ? 0xbfff : 0xffff), true);
    }
  return bytes;
}

export interface StoredWeight {
  weight: Weight;
  /** What io decodes from the same bytes [rows, cols]. */
  values: Float32Array<ArrayBuffer>;
}

/** A weight [rows, cols] on the device, in windows of at most `maxBinding` bytes. */
export async function storedWeight(
  format: StoredFormat,
  rows: number,
  cols: number,
  maxBinding = 1 << 26,
  bytes = storedNoise(format, rows * cols),
): Promise<StoredWeight> {
  const { memory, scope } = await testGpu();
  const weight = newWeight('model.layers.0.mlp.up_proj.weight', rows, cols, format, maxBinding);
  const row = formatBytes(format, cols);
  for (const v of weight.windows) {
    const { q, s } = splitQuants(format, bytes.slice(v.r0 * row, v.r1 * row));
    for (const t of [v.q, v.s]) if (t) allocate(scope, t.home!);
    write(memory, v.q, q);
    if (s) write(memory, v.s!, s);
  }
  return { weight, values: decode(format, bytes, rows * cols) };
}
