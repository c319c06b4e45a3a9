// The verb `generate`: lets a model, with or without an adapter, go on from a prompt, or from every row of data.

import { answerPrompts, applyAdapter, endsOf, positionsFor, promptIds } from '../parts.ts';
import { builtIn } from './built-in.ts';
import { onGpu, openFiles, openPrompts } from './open.ts';
import { dataOptions } from './settings.ts';
import type { Task } from './task.ts';

export async function generateVerb({ o, report, signal }: Task): Promise<void> {
  const opened = await openFiles(o, o.model ?? builtIn('model'), report);
  const { files, tokenizer } = opened;
  const prompts =
    o.prompt === undefined
      ? await openPrompts(o, opened, o.data ?? [builtIn('task/heldout.jsonl')], report)
      : [{ index: 0, ids: await promptIds(opened, o.prompt, o.chat, dataOptions(o)) }];
  const { maxNewTokens, temperature, topP, seed } = o;
  try {
    await onGpu(o, { opened, longest: positionsFor(prompts, maxNewTokens) }, report, async (model, { report }) => {
      if (o.adapter) await applyAdapter(model, o.adapter, report);
      const options = { maxNewTokens, temperature, topP, seed, eos: endsOf(opened) };
      await answerPrompts(model, tokenizer, prompts, options, report, signal);
    });
  } finally {
    await files.close();
  }
}
