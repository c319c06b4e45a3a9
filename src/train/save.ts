// What a run leaves: an adapter folder, or where the base itself has trained a Hugging Face folder. Every way to save is checked
// before the first step.

import { read } from '../gpu/tensor.ts';
import { type Adapter, adapterFiles } from '../io/adapter.ts';
import { mergedTensors, rowChanges } from '../io/adapter-merge.ts';
import { type HfExport, hfConfig, hfFiles, tokenizerFiles } from '../io/export-hf.ts';
import type { ModelFiles } from '../io/model.ts';
import { encode } from '../io/quant.ts';
import type { FileToWrite } from '../io/write.ts';
import type { Method } from '../methods/method.ts';
import { parametersOf } from '../models/decoder.ts';
import type { Vector, Weight } from '../ops/stored/weight.ts';
import { setting } from '../setting.ts';
import { baseOf, type Model } from './model.ts';
import type { OnModel } from './session.ts';

/** Values in which a whole model is written. */
export const MODEL_DTYPES = ['f32', 'f16', 'bf16'] as const;
export type ModelDtype = (typeof MODEL_DTYPES)[number];

/** Throws where the result of a run by this method could not be written: before the run. */
export function checkSavable(method: Method, files: ModelFiles, dtype: string): void {
  if (method.movesBase) hfConfig(files.config, modelDtype(dtype));
}

/** The files of what was made: of an adapter, or of the model in `dtype` with what was trained beside it added. */
export async function resultFiles(model: Model, { method, attached }: OnModel, dtype: string): Promise<FileToWrite[]> {
  const adapter = await attached.adapter(baseOf(model), !method.movesBase);
  if (method.movesBase) return modelFiles(model, adapter, modelDtype(dtype), await tokenizerFiles(model.files));
  return adapterFiles(adapter!);
}

/** The model's files, its parameters read from the device one by one. */
function modelFiles(model: Model, adapter: Adapter | null, dtype: ModelDtype, kept: HfExport['kept']): FileToWrite[] {
  const changes = adapter ? rowChanges(adapter) : new Map();
  const { config, generation, tokenizer } = model.files;
  const tensors = parametersOf(model.decoder).map((w) => ({
    name: w.name,
    shape: 'windows' in w ? [w.rows, w.cols] : [...w.value.shape],
    bytes: () => fromDevice(model, w, changes.get(w.name), dtype),
  }));
  return hfFiles({ config, generation, tokenizer, kept, dtype, tensors });
}

async function* fromDevice(
  { gpu }: Model,
  w: Weight | Vector,
  change: ((values: Float32Array, r: number) => void) | undefined,
  dtype: ModelDtype,
): AsyncGenerator<Uint8Array> {
  if (!('windows' in w)) {
    yield encode(dtype, await read(gpu.memory, w.value));
    return;
  }
  for (const { r0, r1, q } of w.windows) {
    const values = await read(gpu.memory, q);
    for (let r = r0; change && r < r1; r++) change(values.subarray((r - r0) * w.cols, (r - r0 + 1) * w.cols), r);
    yield encode(dtype, values);
  }
}

/** The files of base and adapter as one model, decoded, changed where the adapter says so and rounded once. */
export async function mergedFiles(files: ModelFiles, adapter: Adapter, dtype: string): Promise<FileToWrite[]> {
  const { config, generation, tokenizer, tensors } = files;
  const plain = modelDtype(dtype);
  const kept = await tokenizerFiles(files);
  return hfFiles({ config, generation, tokenizer, kept, dtype: plain, tensors: mergedTensors(tensors, adapter, plain) });
}

/** A dtype that a Hugging Face folder is written in. */
export function modelDtype(dtype: string): ModelDtype {
  if (MODEL_DTYPES.includes(dtype as ModelDtype)) return dtype as ModelDtype;
  throw new Error(`expected ${setting('dtype')} f32, f16 or bf16 for a Hugging Face folder, got ${dtype}.`);
}
