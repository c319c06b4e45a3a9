// What a run leaves: an adapter folder, or where the base itself has trained a Hugging Face folder. Every way to save is checked
// before the first step.

import type { Memory } from '../gpu/scope.ts';
import { read, type Tensor } from '../gpu/tensor.ts';
import { type Adapter, adapterFiles } from '../io/adapter.ts';
import { mergedTensors } from '../io/adapter-merge.ts';
import { type HfExport, hfConfig, hfFiles, tokenizerFiles } from '../io/export-hf.ts';
import type { ModelFiles } from '../io/model.ts';
import type { TensorInfo } from '../io/tensors.ts';
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

/** The model's files, its parameters as they are on the device. */
function modelFiles(model: Model, adapter: Adapter | null, dtype: ModelDtype, kept: HfExport['kept']): FileToWrite[] {
  const { config, generation, tokenizer, tensors } = liveFiles(model);
  const merged = mergedTensors(tensors, adapter ?? undefined, dtype);
  return hfFiles({ config, generation, tokenizer, kept, dtype, tensors: merged });
}

/** A model whose base has been trained as files of its own: the weights are read from the device, in f32, when they are asked for. */
export function liveFiles({ files, decoder, gpu }: Model): ModelFiles {
  const tensors = parametersOf(decoder).map((w) => ('windows' in w ? liveMatrix(gpu.memory, w) : liveVector(gpu.memory, w)));
  return { ...files, tensors: new Map(tensors.map((tensor) => [tensor.name, tensor])), close: async () => {} };
}

const liveVector = (memory: Memory, { name, value }: Vector): TensorInfo => ({
  ...{ name, shape: [...value.shape], format: 'f32' },
  rows: async () => new Uint8Array((await read(memory, value)).slice().buffer),
});

function liveMatrix(memory: Memory, { name, rows: R, cols, windows }: Weight): TensorInfo {
  const row = 4 * cols;
  return {
    ...{ name, shape: [R, cols], format: 'f32' },
    async rows(from, to) {
      const bytes = new Uint8Array((to - from) * row);
      for (const { r0, r1, q } of windows) {
        const [a, b] = [Math.max(r0, from), Math.min(r1, to)];
        if (a >= b) continue;
        const part: Tensor = { ...q, shape: [b - a, cols], start: q.start + (a - r0) * row, bytes: (b - a) * row };
        const values = await read(memory, part);
        bytes.set(new Uint8Array(values.buffer, 0, part.bytes), (a - from) * row);
      }
      return bytes;
    },
  };
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
