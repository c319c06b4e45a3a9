// The verb `generate`: lets a model, with or without an adapter, go on from a prompt, or from every row of data.

import { answerPrompts, applyAdapter, endsOf, type Prompt, positionsFor, promptIds } from '../parts.ts';
import type { Report } from '../report.ts';
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
    tellBeyond(prompts, files.config.max_position_embeddings, report);
    await onGpu(o, { opened, longest: positionsFor(prompts, maxNewTokens) }, report, async (model, { report }) => {
      if (o.adapter) await applyAdapter(model, o.adapter, report);
      const options = { maxNewTokens, temperature, topP, seed, eos: endsOf(opened) };
      await answerPrompts(model, tokenizer, prompts, options, report, signal);
    });
  } finally {
    await files.close();
  }
}

/** Positions that a model never saw turn its keys as no training did: it goes on, and what it says means little. */
function tellBeyond(prompts: readonly Prompt[], positions: number, report: Report): void {
  const beyond = prompts.filter(({ ids }) => ids.length > positions);
  if (!beyond.length) return;
  const longest = beyond.reduce((n, { ids }) => Math.max(n, ids.length), 0);
  const which = prompts.length === 1 ? 'the prompt has' : `${beyond.length} of ${prompts.length} prompts have up to`;
  const text = `${which} ${longest} tokens, more than the ${positions} positions that the model was made for: its answers there mean little. Shorten them.`;
  report({ kind: 'warning', text });
}
