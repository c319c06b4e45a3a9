// Models as Hugging Face folders: what full fine-tuning left on the device, or a base with an adapter merged in.
// Merging needs no GPU: the stored base plus its differences, rounded once.

import { PLAIN, type PlainFormat } from '../formats.ts';
import { read } from '../gpu/tensor.ts';
import { loadAdapter } from '../io/adapter.ts';
import { decode } from '../io/dequant.ts';
import { hfFiles } from '../io/export-hf.ts';
import { sha256 } from '../io/hash.ts';
import { mergedTensors } from '../io/merged.ts';
import { encode } from '../io/quant.ts';
import type { TensorInfo } from '../io/tensors.ts';
import { checkWritable, type FileToWrite, writeFolder } from '../io/write.ts';
import type { SparseMatrix } from '../methods/smt/blocks.ts';
import { parametersOf } from '../models/decoder.ts';
import { type BlockSet, eachBlockLine } from '../ops/blocks/blocks.ts';
import type { Vector, Weight } from '../ops/stored/weight.ts';
import { warnOfOtherBase } from '../train/adapter.ts';
import type { Model } from '../train/model.ts';
import { builtIn } from './built-in.ts';
import { openFiles } from './open.ts';
import type { Task } from './task.ts';

/** A trained model's files, its parameters read from the device one by one, with the trained blocks added where it has some. */
export function modelFiles(model: Model, dtype: string, matrices: SparseMatrix[] = []): FileToWrite[] {
  const sets = new Map(matrices.map((m) => [m.weight.name, m.set]));
  const { config, generation, tokenizer } = model.files;
  const tensors = parametersOf(model.decoder).map((w) => ({
    name: w.name,
    shape: 'windows' in w ? [w.rows, w.cols] : [...w.value.shape],
    bytes: () => fromDevice(model, w, sets.get(w.name), plainDtype(dtype)),
  }));
  return hfFiles({ config, generation, tokenizer, dtype: plainDtype(dtype), tensors });
}

async function* fromDevice(
  { gpu }: Model,
  w: Weight | Vector,
  set: BlockSet | undefined,
  dtype: PlainFormat,
): AsyncGenerator<Uint8Array> {
  if (!('windows' in w)) {
    yield encode(dtype, await read(gpu.memory, w.value));
    return;
  }
  const delta = set && (await read(gpu.memory, set.delta));
  for (const { r0, r1, q } of w.windows) {
    const values = await read(gpu.memory, q);
    if (delta)
      eachBlockLine(set, r0, r1, (at, from) => {
        for (let j = 0; j < set.b; j++) values[at + j] += delta[from + j];
      });
    yield encode(dtype, values);
  }
}

/** Base and adapter to one model on disk. */
export async function mergeVerb({ o, report }: Task): Promise<void> {
  await checkWritable(o.out!, { force: o.force });
  const { files } = await openFiles(o, o.model ?? builtIn('model'), report);
  try {
    const adapter = await loadAdapter(o.adapter!);
    const { config, generation, tokenizer } = files;
    const dtype = plainDtype(o.dtype ?? config.dtype);
    const tensors = mergedTensors(files.tensors, adapter, dtype);
    await warnOfOtherBase(adapter, (name) => fileHash(files.tensors.get(name)!), report);
    await writeFolder(o.out!, hfFiles({ config, generation, tokenizer, dtype, tensors }), { force: o.force });
    report({ kind: 'done', out: o.out!, steps: 0, seconds: 0, tokens_per_second: 0 });
  } finally {
    await files.close();
  }
}

/** SHA-256 of a matrix's f32 values as the file has them. */
async function fileHash({ format, shape: [rows, cols], rows: read }: TensorInfo): Promise<string> {
  return sha256(decode(format, await read(0, rows), rows * cols));
}

function plainDtype(dtype: string): PlainFormat {
  const plain = PLAIN.find((format) => format === dtype);
  if (plain) return plain;
  throw new Error(`expected --dtype f32, f16 or bf16 for a Hugging Face folder, got ${dtype}.`);
}
