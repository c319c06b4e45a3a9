// eval and generate: what a model, with or without an adapter, makes of rows and prompts.

import { chat } from '../data/template.ts';
import { generate, planDecoding } from '../eval/generate.ts';
import { planLikelihood, scoreRows, sizesOf, summary } from '../eval/likelihood.ts';
import { closeGpu } from '../gpu/device.ts';
import { prepare } from '../gpu/run.ts';
import { openAdapter } from '../train/adapter.ts';
import { builtIn } from './built-in.ts';
import { openFiles, openOnGpu, openPrompts, openRows } from './open.ts';
import type { Task } from './task.ts';

/** Loss and perplexity of the rows' targets; with perExample one line a row. */
export async function evaluateVerb({ o, report }: Task): Promise<void> {
  const opened = await openFiles(o, o.model ?? builtIn('model'), report);
  const data = await openRows(o, opened, o.data ?? [builtIn('task/heldout.jsonl')], report);
  const longest = data.rows.reduce((n, r) => Math.max(n, r.ids.length), 1);
  const model = await openOnGpu(o, opened.files, longest, report);
  try {
    if (o.adapter) await openAdapter(model, o.adapter, report);
    const sizes = sizesOf(data.rows, o.batch);
    const { plan, stream } = planLikelihood(model.decoder, sizes, model.planning);
    report({ kind: 'plan', program: 'eval', bytes: plan.bytes, trainable: 0, bound: false });
    const machine = await prepare(model.gpu, plan, model.scope);
    report({ kind: 'memory', program: 'eval', planned: plan.bytes.total, allocated: model.gpu.memory.bytes });
    report({ kind: 'start', phase: 'eval', total: data.rows.length });
    const silent = [...data.untargeted];
    const each = (index: number, logprob: number, tokens: number) => {
      if (o.perExample) report({ kind: 'example', index, logprob, tokens });
    };
    const scores = await scoreRows(model.gpu, { machine, stream, sizes }, data.rows, o.batch, (s, i) => {
      while (silent.length && silent[0] < data.rows[i].index) each(silent.shift()!, 0, 0);
      each(data.rows[i].index, s.logprob, s.tokens);
      report({ kind: 'progress', done: i + 1 });
    });
    for (const index of silent) each(index, 0, 0);
    report({ kind: 'eval', step: 0, ...summary(scores) });
  } finally {
    closeGpu(model.gpu);
    await opened.files.close();
  }
}

/** Goes on from a prompt, or from every row of data. */
export async function generateVerb({ o, report, signal }: Task): Promise<void> {
  const opened = await openFiles(o, o.model ?? builtIn('model'), report);
  const { files, tokenizer } = opened;
  const prompts =
    o.prompt === undefined
      ? await openPrompts(o, opened, o.data ?? [builtIn('task/heldout.jsonl')], report)
      : [{ index: 0, ids: promptIds(o, tokenizer) }];
  const capacity = prompts.reduce((n, p) => Math.max(n, p.ids.length), 1) + o.maxNewTokens;
  const model = await openOnGpu(o, files, capacity + 1, report);
  try {
    if (o.adapter) await openAdapter(model, o.adapter, report);
    const decoding = planDecoding(model.decoder, capacity, model.planning);
    report({ kind: 'plan', program: 'decode', bytes: decoding.plan.bytes, trainable: 0, bound: false });
    const machine = await prepare(model.gpu, decoding.plan, model.scope);
    report({ kind: 'memory', program: 'decode', planned: decoding.plan.bytes.total, allocated: model.gpu.memory.bytes });
    for (const { index, ids: prompt } of prompts) {
      if (signal.aborted) break;
      const sampling = {
        max_new_tokens: o.maxNewTokens,
        temperature: o.temperature,
        top_p: o.topP,
        seed: o.seed + index,
        eos: files.config.eos_token_ids,
      };
      const ids = await generate(model.gpu, machine, decoding, prompt, sampling);
      report({
        kind: 'generation',
        index,
        prompt_ids: Array.from(prompt),
        ids,
        text: tokenizer.decode(ids, { skip_special: true }),
      });
    }
  } finally {
    closeGpu(model.gpu);
    await files.close();
  }
}

function promptIds(o: Task['o'], tokenizer: Awaited<ReturnType<typeof openFiles>>['tokenizer']): Int32Array {
  if (!o.chat) return Int32Array.from(tokenizer.encode(o.prompt!, { special: true }));
  if (!tokenizer.chatTemplate)
    throw new Error(
      'expected a model with a chat template for --chat, got none: leave --chat out, or name a template by --template FILE.',
    );
  const text = chat(tokenizer.chatTemplate, tokenizer.named)([{ role: 'user', content: o.prompt! }], true);
  return Int32Array.from(tokenizer.encode(text, { special: false }));
}
