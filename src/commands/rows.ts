// The verb `rows`: what each row of data becomes, as training would see it. No GPU, and of the model only its tokenizer and config.

import { writeFile } from '../io/write.ts';
import { type OpenModel, type SeenRow, seeRows } from '../parts.ts';
import { builtIn } from './built-in.ts';
import { openFiles } from './open.ts';
import { dataOptions } from './settings.ts';
import type { Task } from './task.ts';

export async function rowsVerb({ o, report }: Task): Promise<void> {
  const opened = await openFiles(o, o.model ?? builtIn('model'), report);
  try {
    const lines: string[] = [];
    const found = await seeRows(opened, o.data ?? [builtIn('task/train.jsonl')], dataOptions(o), (row) => {
      report({ kind: 'row', ...row, ...(!o.json && !o.out && { parts: partsOf(row, opened) }) });
      if (o.out) lines.push(`${JSON.stringify({ input_ids: row.ids, labels: row.labels })}\n`);
    });
    report({ kind: 'note', about: 'data', text: found });
    if (!o.out) return;
    await writeFile(o.out, lines.join(''), { force: o.force });
    report({ kind: 'note', about: 'data', text: `${lines.length} rows of input_ids and labels in ${o.out}` });
  } finally {
    await opened.files.close();
  }
}

/** The row's text in parts, each learned or not. */
function partsOf({ ids, labels }: SeenRow, { tokenizer }: OpenModel): { text: string; learned: boolean }[] {
  const parts: { text: string; learned: boolean }[] = [];
  let before = '';
  for (let from = 0, to = 1; to <= ids.length; to++) {
    const learned = labels[from] !== -100;
    if (to < ids.length && (labels[to] !== -100) === learned) continue;
    // of all so far, because a part alone may lose a space at its start
    const text = tokenizer.decode(ids.slice(0, to), { skip_special: false });
    parts.push({
      text: text.startsWith(before) ? text.slice(before.length) : tokenizer.decode(ids.slice(from, to), { skip_special: false }),
      learned,
    });
    before = text;
    from = to;
  }
  return parts;
}
