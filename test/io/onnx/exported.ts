// A golden model exported to ONNX in memory, for tests.

import * as ort from 'onnxruntime-web';
import type { OnnxDtype } from '../../../src/formats.ts';
import { blobFolder } from '../../../src/io/bytes.ts';
import { configFromHf } from '../../../src/io/config.ts';
import { type OnnxExport, onnxFolder } from '../../../src/io/onnx/folder.ts';
import { openOnnx } from '../../../src/io/onnx/session.ts';
import { encode } from '../../../src/io/quant.ts';
import { blobOf } from '../../../src/io/write.ts';
import type { Golden } from '../../goldens/load.ts';

/** A golden as it is exported; rows come in pieces of three. */
export function exportOf(golden: Golden, dtype: OnnxDtype): OnnxExport {
  const config = configFromHf(JSON.parse(new TextDecoder().decode(golden.files['config.json'])));
  const tensors = (type: 'f32' | 'f16') =>
    [...golden.weights].map(([name, { shape, data }]) => ({
      name,
      shape,
      async *bytes() {
        const piece = 3 * shape.at(-1)!;
        for (let i = 0; i < data.length; i += piece) yield encode(type, data.slice(i, i + piece));
      },
    }));
  return { config, generation: {}, tokenizer: { json: {}, config: {} }, dtype, tensors };
}

/** The folder's files as they are written, by name. */
export async function filesOf(model: OnnxExport): Promise<Map<string, Blob>> {
  const files = new Map<string, Blob>();
  for (const file of onnxFolder(model)) files.set(file.name, await blobOf(file));
  return files;
}

/** The exported model, open. */
export const openExported = async (model: OnnxExport) =>
  openOnnx(ort, blobFolder(await filesOf(model)), model.dtype, model.config);

/** Each block of 32 of a row at most, in steps of an eighth of what is furthest from 0; that is 8 steps down. */
export function inFourBits(values: ArrayLike<number>, row: number): Float64Array {
  const out = new Float64Array(values.length);
  for (let r = 0; r < values.length; r += row)
    for (let k = r; k < r + row; k += 32) {
      const block = Array.from({ length: Math.min(32, r + row - k) }, (_, i) => values[k + i]);
      const peak = block.reduce((most, x) => (Math.abs(x) > Math.abs(most) ? x : most), 0);
      const step = Math.fround(peak / -8);
      for (const [i, x] of block.entries())
        out[k + i] = step * Math.min(7, Math.floor(Math.fround(x * Math.fround(1 / step)) + 0.5));
    }
  return out;
}
