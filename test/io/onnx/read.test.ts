// Weights read back from what was written, in the file and beside it: the values that went in, as they were rounded.
import { describe, expect, test } from 'vitest';
import type { OnnxDtype } from '../../../src/formats.ts';
import { blobFolder } from '../../../src/io/bytes.ts';
import { decode } from '../../../src/io/dequant.ts';
import { onnxName } from '../../../src/io/onnx/folder.ts';
import { readOnnxWeights } from '../../../src/io/onnx/read.ts';
import { encode } from '../../../src/io/quant.ts';
import { rowCount } from '../../../src/io/tensors.ts';
import { loadGolden } from '../../goldens/load.ts';
import { exportOf, filesOf, inFourBits } from './exported.ts';

const rounded = (dtype: OnnxDtype, name: string, data: Float32Array, [rows, width = rows]: number[]) => {
  const products = width !== rows || data.length > rows;
  if (dtype === 'f16' && (products || name.endsWith('.bias'))) return decode('f16', encode('f16', data), data.length);
  if (dtype === 'q4' && products && !name.includes('embed')) return Float32Array.from(inFourBits(data, width));
  return data;
};

describe.each([
  ['in the file', undefined],
  ['beside it', 10_000],
])('%s', (_, most) => {
  test.each(['f32', 'f16', 'q4'] as const)('%s', async (dtype) => {
    const golden = await loadGolden('qwen2');
    const folder = blobFolder(await filesOf({ ...exportOf(golden, dtype), most }));
    const weights = [...golden.weights].map(([name, { shape }]) => ({ name, shape }));
    const { tensors, close } = await readOnnxWeights(folder, `${onnxName(dtype)}.onnx`, weights);
    for (const [name, { data, shape }] of golden.weights) {
      const { format, rows } = tensors.get(name)!;
      const n = rowCount(shape);
      const half = Math.floor(n / 2);
      const got = [...decode(format, await rows(0, half), (data.length / n) * half)];
      got.push(...decode(format, await rows(half, n), (data.length / n) * (n - half)));
      expect(got, name).toEqual([...rounded(dtype, name, data, shape)]);
    }
    await close();
  });
});

test('a file that is not there, or lacks a weight, is said', async () => {
  const golden = await loadGolden('qwen2');
  const files = await filesOf({ ...exportOf(golden, 'f32'), most: 10_000 });
  const ask = (name: string) => readOnnxWeights(blobFolder(files), 'model.onnx', [{ name, shape: [1] }]);
  await expect(ask('other')).rejects.toThrow('expected other in the exported file, got none');
  files.delete('onnx/model.onnx_data_1');
  await expect(ask('model.norm.weight')).rejects.toThrow('expected onnx/model.onnx_data_1 in folder, got no such file');
});
