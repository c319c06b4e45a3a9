// POST /v1/chat/completions: the assistant's turn of a conversation, which becomes a prompt by the model's own template.

import { usage } from './completions.ts';
import { refusal } from './refusal.ts';
import { CHAT, MOST_CHOICES, requested } from './requests.ts';
import { checkFits, json, modelNamed, now, type Reply, refusing, type Service } from './service.ts';
import { type Spoken, speak, type Word } from './speak.ts';
import { events } from './sse.ts';

export async function converse(s: Service, body: string, signal: AbortSignal): Promise<Reply> {
  const o = requested(CHAT, body);
  const model = modelNamed(s, o.model);
  const { n, temperature, top_p, messages, chat_template_kwargs } = o;
  if (n > MOST_CHOICES)
    throw refusal(400, `expected at most ${MOST_CHOICES} answers, got ${n}; ask for them in parts`, { param: 'n' });
  if (messages.at(-1)!.role === 'assistant')
    throw refusal(
      400,
      "expected a conversation whose last message is not the assistant's, whose turn is asked for, got one that is; leave it out",
      {
        param: 'messages',
      },
    );
  const ids = await refusing('messages', () =>
    s.conversation({ messages, ...(chat_template_kwargs && { chat_template_kwargs }) }),
  );
  const most = o.max_completion_tokens ?? o.max_tokens ?? Math.max(1, s.capacity - ids.length);
  checkFits(s, ids.length, most);

  const created = now();
  const id = `chatcmpl-${crypto.randomUUID()}`;
  const who = {};
  const seed = o.seed ?? s.seed(n);
  const wanted = o.logprobs ? o.top_logprobs : undefined;
  const speech = { model, ids, temperature, top_p, most, wanted, stops: [o.stop].flat(), continued: false, signal };
  const run = (tell: (index: number, text: string, words: Word[]) => void, end: (index: number, spoken: Spoken) => void) =>
    Promise.all(
      Array.from({ length: n }, async (_, index) => {
        const spoken = await speak(s, who, { ...speech, seed: seed + index }, (text, words) => tell(index, text, words));
        end(index, spoken);
        return spoken;
      }),
    );
  const logprobsOf = (words: Word[]) => (wanted === undefined ? null : { content: words.map(contentOf), refusal: null });

  if (o.stream)
    return events(async (send) => {
      const head = { id, object: 'chat.completion.chunk', created, model };
      const chunk = (index: number, delta: object, words: Word[], finish_reason: string | null) =>
        send({ ...head, choices: [{ index, delta, logprobs: words.length ? logprobsOf(words) : null, finish_reason }] });
      for (let index = 0; index < n; index++) chunk(index, { role: 'assistant', content: '' }, [], null);
      const all = await run(
        (index, content, words) => chunk(index, { content }, words, null),
        (index, { finish }) => chunk(index, {}, [], finish),
      );
      if (o.stream_options.include_usage) send({ ...head, choices: [], usage: usage([ids], all) });
    });
  const made = Array.from({ length: n }, () => ({ content: '', words: [] as Word[], finish: '' }));
  const all = await run(
    (index, text, words) => {
      made[index].content += text;
      made[index].words.push(...words);
    },
    (index, { finish }) => {
      made[index].finish = finish;
    },
  );
  const choices = made.map(({ content, words, finish }, index) => ({
    ...{ index, message: { role: 'assistant', content, refusal: null }, logprobs: logprobsOf(words), finish_reason: finish },
  }));
  return json({ id, object: 'chat.completion', created, model, choices, usage: usage([ids], all) });
}

const utf8 = new TextEncoder();

/** A word as chats have it. */
function contentOf({ name, logprob, top }: Word) {
  const named = (token: string, x: number) => ({ token, logprob: x, bytes: [...utf8.encode(token)] });
  return { ...named(name, logprob), top_logprobs: top.map(([token, x]) => named(token, x)) };
}
