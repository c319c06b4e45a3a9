// A golden model exported to ONNX in memory, for tests.
import { blobFolder } from '../../../src/io/bytes.ts';
import { configFromHf } from '../../../src/io/config.ts';
import { type OnnxExport, onnxFolder } from '../../../src/io/onnx/folder.ts';
import { openOnnx } from '../../../src/io/onnx/session.ts';
import type { OnnxDtype } from '../../../src/io/onnx/weights.ts';
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
export const openExported = async (model: OnnxExport) => openOnnx(blobFolder(await filesOf(model)), model.dtype, model.config);
