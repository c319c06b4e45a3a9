// The verb `merge`: a base and an adapter to one model on disk, on the CPU, tensor by tensor.

import { loadAdapter, modelDtype } from '../index.ts';
import { mergedTensors } from '../io/adapter-merge.ts';
import { decode } from '../io/dequant.ts';
import { hfFiles } from '../io/export-hf.ts';
import { sha256 } from '../io/hash.ts';
import type { TensorInfo } from '../io/tensors.ts';
import { checkWritable, writeFolder } from '../io/write.ts';
import { warnOfOtherBase } from '../train/adapter.ts';
import { builtIn } from './built-in.ts';
import { openFiles } from './open.ts';
import type { Task } from './task.ts';

export async function mergeVerb({ o, report }: Task): Promise<void> {
  await checkWritable(o.out!, { force: o.force });
  const { files } = await openFiles(o, o.model ?? builtIn('model'), report);
  try {
    const adapter = await loadAdapter(o.adapter!);
    const { config, generation, tokenizer } = files;
    const dtype = modelDtype(o.dtype ?? config.dtype);
    const tensors = mergedTensors(files.tensors, adapter, dtype);
    await warnOfOtherBase(adapter, (name) => fileHash(files.tensors.get(name)!), report);
    await writeFolder(o.out!, hfFiles({ config, generation, tokenizer, dtype, tensors }), { force: o.force });
    report({ kind: 'done', out: o.out!, made: 'model', steps: 0, seconds: 0, tokens_per_second: 0 });
  } finally {
    await files.close();
  }
}

/** SHA-256 of a matrix's f32 values as the file has them. */
async function fileHash({ format, shape: [rows, cols], rows: read }: TensorInfo): Promise<string> {
  return sha256(decode(format, await read(0, rows), rows * cols));
}
