/**
 * A conversation followed through its chat template: rendered with marks around the contents, and what is known by them of
 * where each message lies in the text. Where a turn begins and ends is chat.ts and turn-end.ts.
 */

import { setting } from '../setting.ts';
import { type Edge, hasText, type Marks, marked, marksFor, unmarked } from './marks.ts';
import type { Chat, Extras, Message } from './template.ts';

export interface Followed {
  messages: Message[];
  text: string;
  edges: Edge[];
  /** The marks by message. */
  of: Map<number, Edge[]>;
  unwritten: string[];
  /** Renders the first `n` messages, marked alike; more: and a question after them. */
  upTo(n: number, add_generation_prompt: boolean, more?: boolean): { text: string; edges: Edge[] };
  /** The generation prompt after a user's message. */
  prompt(): string;
  starts: Map<string, { tail: string; agreed: number }>;
  ends: Map<string, string>;
  afters: Map<string, string>;
}

const [all, answers] = [() => true, ({ role }: Message) => role === 'assistant'];
const WAYS: [which: (message: Message) => boolean, ends: 'both' | 'last'][] = [
  [all, 'both'],
  [answers, 'both'],
  [all, 'last'],
  [answers, 'last'],
];

/** Renders with marks around every content, or where a template looks at how contents begin or end, around fewer or after them alone. */
export function follow(messages: Message[], chat: Chat, extras: Extras | undefined, plain: string): Followed {
  const marks: Marks = marksFor(plain);
  let reason = 'another text with marks in it';
  for (const [which, ends] of WAYS) {
    const upTo = (n: number, add: boolean, more = false) => {
      const some = [...marked(messages.slice(0, n), marks, which, ends), ...(more ? [{ role: 'user', content: 'x' }] : [])];
      return unmarked(chat(some, add, extras).text, marks);
    };
    let got: ReturnType<Followed['upTo']>;
    try {
      got = upTo(messages.length, false);
    } catch (error) {
      reason = `an error with marks in it (${(error as Error).message})`;
      continue;
    }
    if (got.text !== plain) continue;
    const of = new Map<number, Edge[]>();
    for (const edge of got.edges) of.set(edge.message, [...(of.get(edge.message) ?? []), edge]);
    const without = messages.flatMap((message, i) => (which(message) && hasText(message.content) && !of.has(i) ? [i] : []));
    const silent = without.find((i) => messages[i].role === 'assistant');
    if (silent !== undefined) throw lost(silent, 'its content is not written there');
    const unwritten = [...new Set(without.map((i) => messages[i].role))];
    let prompt: string | undefined;
    const asks = () => (prompt ??= generationPrompt(messages, upTo));
    return { messages, ...got, of, unwritten, upTo, prompt: asks, starts: new Map(), ends: new Map(), afters: new Map() };
  }
  throw new Error(
    `expected the model's chat template to write a message's content whatever it is, so that the turns can be told, got ${reason}; ` +
      `give another template with ${setting('template')} FILE, or rows of prompt and completion`,
  );
}

export const lost = (turn: number, why: string) =>
  new Error(
    `expected to find assistant turn ${turn + 1} of the conversation in what the model's chat template writes, but ${why}; ` +
      `keep only the last assistant turn of such rows, or give another template with ${setting('template')} FILE`,
  );

/** The mark that ends the last content before a turn, and where the turn's own content begins and ends. */
export function around(turn: number, followed: Followed): { anchor?: Edge; opens?: number; closes?: number; bound: number } {
  const { edges, text, of } = followed;
  const own = of.get(turn) ?? [];
  const opens = own.find((edge) => edge.opens)?.at;
  const closes = own.findLast((edge) => !edge.opens)?.at;
  if (own.filter((edge) => edge.opens).length > 1 || own.filter((edge) => !edge.opens).length > 1)
    throw lost(turn, 'it writes it more than once');
  const place = opens ?? closes;
  if (place !== undefined) {
    let i = firstAfter(edges, place) - 1;
    while (i >= 0 && (edges[i].opens || edges[i].message === turn)) i--;
    return { anchor: edges[i], opens, closes, bound: place };
  }
  // where the content is not written, the turn is between the messages before it and those after
  let [before, after] = [turn - 1, turn + 1];
  while (before >= 0 && !of.get(before)?.some((edge) => !edge.opens)) before--;
  const anchor = of.get(before)?.findLast((edge) => !edge.opens);
  const later = (edge: Edge) => edge.at >= (anchor?.at ?? 0);
  while (after < followed.messages.length && !of.get(after)?.some(later)) after++;
  return { anchor, bound: of.get(after)?.find(later)?.at ?? text.length };
}

/** Number of marks at or before a place. */
function firstAfter(edges: Edge[], at: number): number {
  let [low, high] = [0, edges.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (edges[middle].at <= at) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The next mark of another message at or after a place. */
export function nextOf(turn: number, at: number, { edges }: Followed): Edge | undefined {
  let i = firstAfter(edges, at - 1);
  while (i < edges.length && (edges[i].message === turn || (edges[i].at === at && edges[i].message < turn))) i++;
  return edges[i];
}

/** The generation prompt after a user's message, whether the conversation has one or not; empty where the template writes none. */
function generationPrompt(messages: Message[], upTo: Followed['upTo']): string {
  const user = messages.findIndex(({ role }) => role === 'user');
  const render = (add: boolean) => (user === -1 ? upTo(0, add, true) : upTo(user + 1, add)).text;
  try {
    const asked = render(true);
    return asked.slice(agree(asked, render(false)));
  } catch {
    return '';
  }
}

/** Where two texts part, not within a word or a tag: after a tag or white space at or before n. */
export function parted(text: string, n: number): number {
  if (n >= text.length) return n;
  for (let i = n; i > 0; i--) if (/[>\]\s:]/.test(text[i - 1])) return i;
  return 0;
}

/** What of a message decides how the text around its content is written. */
export function likeness({ content, tool_call_id: _id, weight: _weight, ...rest }: Message, written: boolean): unknown {
  return JSON.parse(
    JSON.stringify(written ? { ...rest, content: typeof content } : { ...rest, content }, (_, v) =>
      typeof v === 'bigint' ? String(v) : v,
    ),
  );
}

export function agree(a: string, b: string): number {
  let n = 0;
  while (n < a.length && n < b.length && a[n] === b[n]) n++;
  return n;
}
