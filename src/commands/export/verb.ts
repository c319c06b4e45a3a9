// The verbs `merge` and `export`: a base, with or without an adapter, in the files that other programs run. What is written is made on
// the CPU, tensor by tensor, and is held against the model that was meant (check.ts) before it gets its name. A format is a line in
// io/exports.ts.

import type { Exporting } from '../../io/export.ts';
import { EXPORTERS } from '../../io/exports.ts';
import { checkFile, checkWritable, type FileToWrite, writeFile, writeFolder } from '../../io/write.ts';
import { EXPORTS, type ExportFormat } from '../../options/table.ts';
import { closeGpu, loadAdapter, type OpenModel } from '../../parts.ts';
import { builtIn } from '../built-in.ts';
import { openFiles } from '../open.ts';
import type { Task } from '../task.ts';
import { cardOf } from './card.ts';
import { compareExport, measure } from './check.ts';
import { worstOf } from './compare.ts';
import { writeModelfile } from './ollama.ts';

export async function exportVerb({ o, report }: Task): Promise<void> {
  const { format, force } = o;
  await (EXPORTERS[format].place === 'file' ? checkFile : checkWritable)(o.out!, { force });
  const opened = await openFiles(o, o.model ?? builtIn('model'), report);
  try {
    await exportModel({ o, report }, opened);
    if (format === 'gguf') await writeModelfile(opened, o.out!, report);
  } finally {
    await opened.files.close();
  }
  report({
    kind: 'done',
    out: o.out!,
    steps: 0,
    seconds: 0,
    tokens_per_second: 0,
    made: o.format === 'peft' ? 'adapter' : 'model',
  });
}

async function exportModel({ o, report }: Pick<Task, 'o' | 'report'>, opened: OpenModel): Promise<void> {
  const { format, force } = o;
  const out = o.out!;
  const seen: Exporting['seen'] = {};
  const adapter = o.adapter === undefined ? undefined : await loadAdapter(o.adapter);
  const model: Exporting = {
    ...{ files: opened.files, adapter, svd: o.svd, seen },
    card: await cardOf(o, opened.files.name, adapter),
    dtype: o.dtype ?? defaultDtype(format, opened.files.config.dtype),
  };
  const { place, lay, open } = EXPORTERS[format];
  const { files, notes, otherTokens = false, within } = await lay(model);
  for (const text of notes) report({ kind: 'note', text });
  const meant = await measure(o, opened, model.adapter, report);
  try {
    const size = { bytes: 0 };
    const check = async (aside: string) => {
      const rounded = { dtype: model.dtype, lost: seen.differs === false, otherTokens, within };
      const compared = await compareExport(meant, () => open(aside, model), rounded).catch(deleted);
      const { tuned, base } = worstOf(compared);
      report({ kind: 'exported', format, out, bytes: size.bytes, rows: meant.rows.length, worst: tuned });
      if (base !== null) report({ kind: 'note', text: `the untrained model's are up to ${base.toPrecision(2)} away` });
    };
    const written = files.map((file) => counted(file, size));
    if (place === 'file') await writeFile(out, written[0].chunks, { force, check });
    else await writeFolder(out, written, { force, check });
  } finally {
    closeGpu(meant.gpu);
  }
  function deleted(e: Error): never {
    throw new Error(`${e.message.replace(/\.$/, '')}. What was written is deleted, and ${out} is as it was.`);
  }
}

/** The base's dtype where the format has it. */
function defaultDtype(format: ExportFormat, base: string): string {
  const { dtypes } = EXPORTS[format];
  return dtypes.find((dtype) => dtype === base) ?? dtypes[0] ?? base;
}

/** The file, its bytes counted as they go. */
function counted({ name, chunks }: FileToWrite, size: { bytes: number }): FileToWrite {
  const all = typeof chunks === 'string' ? [new TextEncoder().encode(chunks)] : chunks instanceof Uint8Array ? [chunks] : chunks;
  async function* counting() {
    for await (const chunk of all) {
      size.bytes += chunk.length;
      yield chunk;
    }
  }
  return { name, chunks: counting() };
}
