/**
 * A conversation as text, and which of it is learned: of every assistant turn what the model would have to write, from
 * where the template's generation prompt ends through the end mark. The template is asked, never guessed at: contents are
 * followed through it by marks (marks.ts). Token ids are spans.ts.
 */
import { agree, around, type Followed, follow, likeness, lost, parted } from './follow.ts';
import type { Edge } from './marks.ts';
import { isLearned } from './messages.ts';
import type { Span } from './spans.ts';
import type { Chat, Extras, Message } from './template.ts';
import { endOf } from './turn-end.ts';

export interface TurnOptions {
  /** The tokenizer's end, which closes a last turn that the template leaves open (Qwen1.5's does). */
  eos?: string;
  /** What the row gives the template beside its messages: tools. */
  extras?: Extras;
}

export interface Turns {
  text: string;
  spans: Span[];
  /** Roles of messages whose content the template does not write. */
  unwritten: string[];
}

/**
 * The text of a conversation and its assistant turns, as ranges of characters; a turn of weight 0 is none. Throws where the
 * template does not let a turn be followed. A few renderings whatever the number of turns, but for templates that write
 * like turns unlike.
 */
export function assistantSpans(messages: Message[], chat: Chat, { eos = '', extras }: TurnOptions = {}): Turns {
  const plain = chat(messages, false, extras);
  const turns = messages.flatMap(({ role }, i) => (role === 'assistant' ? [i] : []));
  const followed = follow(messages, chat, extras, plain.text);
  let text = plain.text;
  const spans: Span[] = [];
  for (const turn of turns) {
    const from = startOf(turn, followed, spans.at(-1)?.to ?? 0);
    const { to, open } = endOf(turn, from, followed, eos);
    if (from < (spans.at(-1)?.to ?? 0) || to < from) throw lost(turn, 'it lies within another turn');
    if (open && to === text.length) text += eos;
    spans.push({ from, to: open && text.startsWith(eos, to) ? to + eos.length : to });
  }
  // a template with generation blocks says itself which turns are learned
  const { generated } = plain;
  const chosen = (span: Span) => generated.length === 0 || generated.some(({ from, to }) => from < span.to && to > span.from);
  return {
    text,
    spans: spans.filter((span, i) => isLearned(messages[turns[i]]) && chosen(span)),
    unwritten: followed.unwritten,
  };
}

/** What a model is asked to go on from: a conversation without its last turn where that is the assistant's, and the start of the next. */
export function openTurn(messages: Message[], chat: Chat, extras?: Extras): string {
  return chat(messages.at(-1)?.role === 'assistant' ? messages.slice(0, -1) : messages, true, extras).text;
}

/** Where a turn begins: where the prompt that asks for it ends, as far as the text goes on as that prompt does. */
function startOf(turn: number, followed: Followed, done: number): number {
  const { messages, text, starts } = followed;
  const { anchor, opens, closes, bound } = around(turn, followed);
  const [at, since] = [anchor?.at ?? 0, anchor?.message ?? -1];
  const gap = text.slice(at, bound);
  const begun = (tail: string) =>
    text.startsWith(tail, at) && at + tail.length <= (closes ?? bound) ? tail.length : agree(tail, gap);
  // a template may ask otherwise after an answer, or before the first message, than it writes there: no header is learned
  const prompt = followed.prompt();
  const header = prompt === '' ? -1 : opens !== undefined ? gap.lastIndexOf(prompt) : gap.indexOf(prompt, Math.max(0, done - at));
  const headed = (n: number) => at + (header === -1 ? n : Math.max(n, header + prompt.length));
  const key = JSON.stringify([
    since >= 0,
    ...messages.slice(Math.max(0, since), turn).map((m, i) => likeness(m, since >= 0 && i === 0)),
  ]);
  const known = starts.get(key);
  if (known && begun(known.tail) >= known.agreed) return headed(parted(known.tail, begun(known.tail)));

  const tail = askedTail(turn, anchor, followed);
  const agreed = tail === undefined ? 0 : begun(tail);
  const whole = tail !== undefined && agreed === tail.length;
  if (whole) starts.set(key, { tail, agreed });
  if (whole || header !== -1) return headed(agreed);
  // the turn goes on otherwise than the prompt (an opened think block): from where the two part
  const head = tail === undefined ? 0 : parted(tail, agreed);
  if (tail !== undefined && head > 0 && (prompt === '' || agreed > tail.length - prompt.length)) {
    starts.set(key, { tail, agreed });
    return at + head;
  }
  for (let n = prompt.length; n > 0; n = parted(prompt, n - 1))
    if (gap.includes(prompt.slice(0, n))) return at + gap.lastIndexOf(prompt.slice(0, n)) + n;
  throw lost(turn, 'what stands before it is not what the model is asked with');
}

/** What the template writes after the anchor when it asks for the turn. */
function askedTail(turn: number, anchor: Edge | undefined, { upTo }: Followed): string | undefined {
  try {
    const asked = upTo(turn, true);
    const from = anchor ? asked.edges.findLast((edge) => !edge.opens && edge.message === anchor.message)?.at : 0;
    return from === undefined ? undefined : asked.text.slice(from);
  } catch {
    return undefined; // a template may refuse a conversation that is cut there
  }
}
