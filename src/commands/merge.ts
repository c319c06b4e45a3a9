// The verb `merge`: a base and an adapter to one model on disk, on the CPU, tensor by tensor.

import { decode } from '../io/dequant.ts';
import { sha256 } from '../io/hash.ts';
import type { TensorInfo } from '../io/tensors.ts';
import { checkWritable } from '../io/write.ts';
import { loadAdapter, merge, modelDtype, warnOfOtherBase } from '../parts.ts';
import { builtIn } from './built-in.ts';
import { openFiles } from './open.ts';
import type { Task } from './task.ts';

export async function mergeVerb({ o, report }: Task): Promise<void> {
  await checkWritable(o.out!, { force: o.force });
  const opened = await openFiles(o, o.model ?? builtIn('model'), report);
  const { files } = opened;
  try {
    const adapter = await loadAdapter(o.adapter!);
    const dtype = modelDtype(o.dtype ?? files.config.dtype);
    await warnOfOtherBase(adapter, (name) => fileHash(files.tensors.get(name)!), report);
    await merge(opened, adapter, o.out!, { dtype, force: o.force });
    report({ kind: 'done', out: o.out!, steps: 0, seconds: 0, tokens_per_second: 0, made: 'model' });
  } finally {
    await files.close();
  }
}

/** SHA-256 of a matrix's f32 values as the file has them. */
async function fileHash({ format, shape: [rows, cols], rows: read }: TensorInfo): Promise<string> {
  return sha256(decode(format, await read(0, rows), rows * cols));
}
