// The verb `rows`: what each row of data becomes, as training would see it. No GPU, and of the model only its tokenizer and config.

import { writeFile } from '../io/write.ts';
import { partsOf, seeRows } from '../parts.ts';
import { builtIn } from './built-in.ts';
import { openFiles } from './open.ts';
import { dataOptions } from './settings.ts';
import type { Task } from './task.ts';

export async function rowsVerb({ o, report }: Task): Promise<void> {
  const opened = await openFiles(o, o.model ?? builtIn('model'), report);
  try {
    const lines: string[] = [];
    const { shown } = await seeRows(opened, o.data ?? [builtIn('task/train.jsonl')], dataOptions(o), (row) => {
      report({ kind: 'row', ...row, ...(!o.json && !o.out && { parts: partsOf(opened.tokenizer, row) }) });
      if (o.out) lines.push(`${JSON.stringify({ input_ids: row.ids, labels: row.labels })}\n`);
    });
    report({ kind: 'note', about: 'data', text: shown });
    if (!o.out) return;
    await writeFile(o.out, lines.join(''), { force: o.force });
    report({ kind: 'note', about: 'data', text: `${lines.length} rows of input_ids and labels in ${o.out}` });
  } finally {
    await opened.files.close();
  }
}
