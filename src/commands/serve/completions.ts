// POST /v1/completions: prompts gone on with, and log-probabilities of prompts and answers, as lm-evaluation-harness reads them: of a
// prompt of P tokens with an answer of one there are P + 1 entries, the first null, and a token's float is the same among the likeliest.

import { scoreRow, speller, type Told } from '../../parts.ts';
import { refusal } from './refusal.ts';
import { COMPLETION, MOST_CHOICES, requested } from './requests.ts';
import { checkFits, idsOf, json, modelNamed, now, type Reply, type Service } from './service.ts';
import { type Spoken, speak, type Word, wordOf } from './speak.ts';
import { events } from './sse.ts';

/** A prompt, and what is said of it before its answer. */
interface Begun {
  ids: ArrayLike<number>;
  text: string;
  words: (Word | { name: string; logprob: null; top: null; at: number })[];
  /** The likeliest token after it, where that was scored. */
  next?: Told;
}

export async function complete(s: Service, body: string, signal: AbortSignal): Promise<Reply> {
  const o = requested(COMPLETION, body);
  const model = modelNamed(s, o.model);
  const { prompt, n, max_tokens: most, echo, temperature, top_p } = o;
  const logprobs = o.logprobs ?? undefined;
  if (prompt.length * n > MOST_CHOICES)
    throw refusal(400, `expected at most ${MOST_CHOICES} answers, got ${prompt.length} prompts of ${n}; ask for them in parts`, {
      param: 'prompt',
    });
  if (!echo && most < 1)
    throw refusal(400, 'max_tokens: expected a whole number from 1, or echo beside it, got 0; ask for more', {
      param: 'max_tokens',
    });
  const rows = await Promise.all(prompt.map((one) => idsOf(s, one)));
  // the likeliest token after a prompt is known when it is scored
  const scored = echo && logprobs !== undefined;
  const known = scored && most === 1 && temperature === 0;
  for (const ids of rows) checkFits(s, ids.length, known ? 0 : most);

  const head = { id: `cmpl-${crypto.randomUUID()}`, object: 'text_completion', created: now(), model };
  const who = {};
  const seed = o.seed ?? s.seed(rows.length * n);
  const begin = async (ids: ArrayLike<number>, i: number): Promise<Begun> => {
    if (!echo) return { ids, text: '', words: [] };
    const text = typeof prompt[i] === 'string' ? prompt[i] : s.opened.tokenizer.decode(ids, { skip_special: true });
    if (!scored) return { ids, text, words: [] };
    const told = await scoreRow(s.desk, who, { model, ids, wanted: logprobs, signal });
    return { ids, text, words: promptWords(s, ids, told, logprobs), next: likeliestOf(told) };
  };
  const run = async (send: Send): Promise<Spoken[]> => {
    const begun = rows.map(begin);
    const all = rows.flatMap((_, p) => Array.from({ length: n }, (_, i) => ({ p, index: p * n + i })));
    return Promise.all(
      all.map(async ({ p, index }) => {
        const { ids, text, words, next } = await begun[p];
        if (echo) send(index, text, words, null);
        if (most === 0) {
          send(index, '', [], 'length');
          return { finish: 'length', tokens: 0 };
        }
        const stops = [o.stop].flat();
        const speech = { model, ids, temperature, top_p, most, wanted: logprobs, stops, continued: true, signal };
        const shift = (word: Word) => ({ ...word, at: word.at + text.length });
        const spoken = await speak(s, who, { ...speech, seed: seed + index, first: known ? next : undefined }, (piece, of) =>
          send(index, piece, of.map(shift), null),
        );
        send(index, '', [], spoken.finish);
        return spoken;
      }),
    );
  };
  const usageOf = (all: Spoken[]) => usage(rows, all);

  if (o.stream)
    return events(async (send) => {
      const chunk = (choices: unknown[]) => ({ ...head, choices });
      const all = await run((index, text, words, finish_reason) =>
        send(chunk([{ index, text, logprobs: logprobsOf(words, logprobs), finish_reason }])),
      );
      if (o.stream_options.include_usage) send({ ...chunk([]), usage: usageOf(all) });
    });
  const made = Array.from({ length: rows.length * n }, () => ({ text: '', words: [] as Begun['words'], finish: '' }));
  const all = await run((index, text, words, finish) => {
    const choice = made[index];
    choice.text += text;
    choice.words.push(...words);
    choice.finish = finish ?? '';
  });
  const choices = made.map(({ text, words, finish }, index) => ({
    ...{ index, text, logprobs: logprobsOf(words, logprobs), finish_reason: finish },
  }));
  return json({ ...head, choices, usage: usageOf(all) });
}

type Send = (index: number, text: string, words: Begun['words'], finish: Spoken['finish'] | null) => void;

/** Tokens of prompts and answers. */
export function usage(prompts: ArrayLike<number>[], all: Spoken[]) {
  const prompt_tokens = prompts.reduce((n, ids) => n + ids.length, 0);
  const completion_tokens = all.reduce((n, { tokens }) => n + tokens, 0);
  return { prompt_tokens, completion_tokens, total_tokens: prompt_tokens + completion_tokens };
}

/** What follows a row, greedily: the likeliest of its last place. */
function likeliestOf(told: Told[]): Told {
  const { top } = told[told.length - 1];
  const [id, logprob] = top[0];
  return { id, logprob, top };
}

/** The words of a prompt: of the first nothing is known. */
function promptWords({ opened }: Service, ids: ArrayLike<number>, told: Told[], wanted: number): Begun['words'] {
  const [names, texts] = [speller(opened.tokenizer, [], false), speller(opened.tokenizer)];
  let at = 0;
  return Array.from(ids, (id, i) => {
    const word = wordOf(opened, names, i ? told[i - 1] : { id, logprob: 0, top: [] }, wanted, at);
    at += texts.next(id).length;
    return i ? word : { ...word, logprob: null, top: null };
  });
}

function logprobsOf(words: Begun['words'], wanted: number | undefined) {
  if (wanted === undefined) return null;
  return {
    tokens: words.map(({ name }) => name),
    token_logprobs: words.map(({ logprob }) => logprob),
    top_logprobs: words.map(({ name, logprob, top }) => (top === null ? null : Object.fromEntries([[name, logprob], ...top]))),
    text_offset: words.map(({ at }) => at),
  };
}
