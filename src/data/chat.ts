/**
 * A conversation as token ids, and which of them are learned: every assistant turn with its end mark, as the model's chat
 * template writes it. The template is asked, never guessed at: what it writes after its own generation prompt is the turn.
 */
import type { Chat, Message } from './template.ts';

export interface Span {
  from: number;
  to: number;
}

type Encode = (text: string) => number[];

/**
 * The text of a conversation and its assistant turns, as ranges of characters; throws where a turn is not written alike in
 * the whole. Where a template leaves the last turn open (Qwen1.5's does), eos closes it.
 */
export function assistantSpans(messages: Message[], chat: Chat, eos = ''): { text: string; spans: Span[] } {
  let text = chat(messages, false);
  const spans: Span[] = [];
  for (let i = 0; i < messages.length; i++) {
    if (messages[i].role !== 'assistant') continue;
    const from = turnStart(messages, i, chat);
    const turn = spanAt(text, from, messages.slice(0, i + 1), chat);
    if (turn === undefined || !text.startsWith(from))
      throw new Error(
        `expected the model's chat template to write a turn alike wherever the conversation ends, got turn ${i + 1} written otherwise ` +
          'in the whole; keep only the last assistant turn of such rows, or give another template with --template FILE',
      );
    const open = text.slice(0, turn).endsWith(messages[i].content.trimEnd());
    if (open && turn === text.length) text += eos;
    spans.push({ from: from.length, to: open && text.startsWith(eos, turn) ? turn + eos.length : turn });
  }
  return { text, spans };
}

/** What a model is asked to go on from: a conversation without its last turn where that is the assistant's, and the start of the next. */
export function openTurn(messages: Message[], chat: Chat): string {
  return chat(messages.at(-1)?.role === 'assistant' ? messages.slice(0, -1) : messages, true);
}

/** Token ids of a text of which the spans are learned: labels are the ids there, -100 elsewhere. */
export function encodeSpans(text: string, spans: Span[], encode: Encode): { ids: number[]; labels: number[] } {
  const cuts = spans.flatMap(({ from, to }) => [from, to]);
  const { ids, at } = encodeCut(text, cuts, encode);
  const labels = new Array(ids.length).fill(-100);
  for (let s = 0; s < spans.length; s++) for (let i = at[2 * s]; i < at[2 * s + 1]; i++) labels[i] = ids[i];
  return { ids, labels };
}

const MARK = '\uE0A1';

/**
 * Text before turn i: the conversation so far with the generation prompt, as far as the turn itself begins so. A mark
 * stands in for the turn's content, so that a content which begins like the prompt's end (<think>) is not taken for it.
 */
function turnStart(messages: Message[], i: number, chat: Chat): string {
  const before = messages.slice(0, i);
  const asked = chat(before, true);
  const marked = chat([...before, { ...messages[i], content: MARK }], false);
  return asked.slice(0, agree(asked, marked));
}

/** Where the last of these messages ends in the whole text, trailing white space left out; undefined where it is not there. */
function spanAt(text: string, from: string, messages: Message[], chat: Chat): number | undefined {
  const through = chat(messages, false);
  if (!through.startsWith(from)) return undefined;
  const turn = through.slice(from.length).trimEnd();
  if (text.startsWith(turn, from.length)) return from.length + turn.length;
  // Some templates write the last turn with more before its content (Qwen3's empty think block): content and end mark count.
  const content = messages.at(-1)!.content.trim();
  const rest = content === '' ? -1 : turn.lastIndexOf(content);
  if (rest === -1) return undefined;
  const at = text.indexOf(turn.slice(rest), from.length);
  return at === -1 || text.slice(from.length, at).trim() !== '' ? undefined : at + turn.length - rest;
}

function agree(a: string, b: string): number {
  let n = 0;
  while (n < a.length && n < b.length && a[n] === b[n]) n++;
  return n;
}

/**
 * Ids of a text and the number of ids before each cut. The text is encoded whole; only where a token would reach across a
 * cut is it encoded in two, because a prompt ends there when the model generates.
 */
function encodeCut(text: string, cuts: number[], encode: Encode): { ids: number[]; at: number[] } {
  let ids = encode(text);
  let done: number[] = [];
  let from = 0;
  const at: number[] = [];
  for (const cut of cuts) {
    const head = [...done, ...encode(text.slice(from, cut))];
    if (!head.every((id, i) => ids[i] === id)) {
      ids = [...head, ...encode(text.slice(cut))];
      done = head;
      from = cut;
    }
    at.push(head.length);
  }
  return { ids, at };
}
