// The verb `eval`: how well a model, with or without an adapter, predicts the answers of data, or how it does on published tasks (tasks/).

import { applyAdapter, type Example, evaluate, longestOf } from '../parts.ts';
import { builtIn } from './built-in.ts';
import { onGpu, openFiles, openRows } from './open.ts';
import type { Task } from './task.ts';

/** Loss and perplexity of the rows' targets; with perExample one line a row. */
export async function evaluateVerb(command: Task): Promise<void> {
  const { o, report } = command;
  if (o.task) return (await import('./tasks/verb.ts')).tasksVerb(command);
  const opened = await openFiles(o, o.model ?? builtIn('model'), report);
  const data = await openRows(o, opened, o.data ?? [builtIn('task/heldout.jsonl')], report);
  try {
    await onGpu(o, { opened, longest: longestOf(data.rows) }, report, async (model, { report }) => {
      if (o.adapter) await applyAdapter(model, o.adapter, report);
      const each = o.perExample ? (example: Example) => report({ kind: 'example', ...example }) : undefined;
      await evaluate(model, data, { batch: o.batch, each }, report);
    });
  } finally {
    await opened.files.close();
  }
}
