// Answers of a model to prompts: what each becomes as token ids, one decoding program for all of them, the text of what came.

import type { Prompt } from '../data/load.ts';
import type { Tokenizer } from '../data/tokenizer.ts';
import { dispose, prepare } from '../gpu/run.ts';
import type { Report } from '../report.ts';
import { planDecoding, rowsAtOnce } from './decoding.ts';
import type { OnDevice } from './evaluate.ts';
import { generateAll } from './generate.ts';

/** How an answer is drawn, and how long it may be. */
export interface AnswerOptions {
  /** Longest answer, in tokens. */
  maxNewTokens: number;
  /** 0 takes the likeliest token. */
  temperature: number;
  /** Drawn from the likeliest tokens that make up this share (0 to 1). */
  topP: number;
  seed: number;
  /** Ids that end a text. */
  eos: readonly number[];
}

/** An answer: the new ids (the end-of-sequence id included where it came) and their text. */
export interface Generated {
  index: number;
  prompt_ids: number[];
  ids: number[];
  text: string;
}

/** Positions that a model must have been loaded for to answer these prompts. */
export const positionsFor = (prompts: readonly Prompt[], maxNewTokens: number) => longest(prompts) + maxNewTokens;

const longest = (prompts: readonly Prompt[]) => prompts.reduce((n, p) => Math.max(n, p.ids.length), 1);

/**
 * Goes on from every prompt, several at once; each answer is reported, in order. At the signal it stops with those made. `each` hears of
 * every token as it comes, with the place of its prompt.
 */
export async function answerPrompts(
  { gpu, decoder, planning, scope }: OnDevice,
  tokenizer: Tokenizer,
  prompts: readonly Prompt[],
  o: AnswerOptions,
  report: Report,
  signal?: AbortSignal,
  each?: (prompt: number, id: number) => void,
): Promise<Generated[]> {
  const capacity = positionsFor(prompts, o.maxNewTokens);
  const decoding = planDecoding(decoder, capacity, planning, rowsAtOnce(decoder, capacity, prompts.length, planning));
  report({ kind: 'plan', program: 'decode', bytes: decoding.plan.bytes, trainable: 0, bound: false });
  const machine = await prepare(gpu, decoding.plan, scope);
  const answers: Generated[] = [];
  try {
    report({ kind: 'memory', program: 'decode', planned: decoding.plan.bytes.total, allocated: gpu.memory.bytes });
    const { maxNewTokens, temperature, topP, seed, eos } = o;
    const sampling = { max_new_tokens: maxNewTokens, temperature, top_p: topP, eos };
    const asked = prompts.map(({ index, ids }) => ({ prompt: ids, seed: seed + index }));
    for await (const ids of generateAll(machine, decoding, asked, sampling, { signal, each })) {
      const { index, ids: prompt } = prompts[answers.length];
      const answer = { index, prompt_ids: Array.from(prompt), ids, text: tokenizer.decode(ids, { skip_special: true }) };
      answers.push(answer);
      report({ kind: 'generation', ...answer });
    }
    return answers;
  } finally {
    dispose(machine);
  }
}
