// The verbs `merge` and `export`: a base, with or without an adapter, in the files that other programs run. What is written is made on
// the CPU, tensor by tensor, and is held against the model that was meant (export.ts) before it gets its name. A format is a line in
// io/exports.ts.

import { diskFolder, diskSource, type Folder } from '../../io/bytes.ts';
import { EXPORTERS } from '../../io/exports.ts';
import { checkFile, checkWritable, writeFile, writeFolder } from '../../io/write.ts';
import type { Settled } from '../../options/table.ts';
import { closeGpu, loadAdapter, type OpenModel } from '../../parts.ts';
import { builtIn } from '../built-in.ts';
import { openFiles } from '../open.ts';
import type { Task } from '../task.ts';
import { cardOf } from './card.ts';
import { type Meant, measure } from './check.ts';
import { defaultDtype, exportTo, type Target } from './export.ts';
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
  const { format, svd } = o;
  const adapter = o.adapter === undefined ? undefined : await loadAdapter(o.adapter);
  const card = await cardOf(o, opened.files.name, adapter);
  const model = { files: opened.files, adapter, svd, card, dtype: o.dtype ?? defaultDtype(format, opened.files.config.dtype) };
  let measured: Meant | undefined;
  const meant = async () => (measured = await measure(o, opened, adapter, report));
  try {
    const { bytes, rows, tuned, base } = await exportTo(onDisk(o), { format, model, meant }, report);
    report({ kind: 'exported', format, out: o.out!, bytes, rows, worst: tuned });
    if (base !== null) report({ kind: 'note', text: `the untrained model's are up to ${base.toPrecision(2)} away` });
  } finally {
    if (measured) closeGpu(measured.gpu);
  }
}

/** The place that the options name: files get their names once they are checked. */
function onDisk({ format, force, out: place }: Settled): Target {
  const out = place!;
  return {
    out,
    write: (files, check) =>
      EXPORTERS[format].place === 'folder'
        ? writeFolder(out, files, { force, check: (aside) => check(diskFolder(aside)) })
        : writeFile(out, files[0].chunks, { force, check: (aside) => check(lone(files[0].name, aside)) }),
  };
}

/** A folder of one file, whatever that is called where it lies. */
const lone = (name: string, path: string): Folder => ({
  name: path,
  list: async () => [name],
  file: async (asked) => (asked === name ? diskSource(path) : undefined),
});
