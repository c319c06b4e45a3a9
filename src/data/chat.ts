/**
 * A conversation as text, and which of it is learned: of every assistant turn what the model would have to write, from
 * where the template's generation prompt ends through the end mark. The template is asked, never guessed at: contents are
 * followed through it by marks (marks.ts). Token ids are spans.ts.
 */
import { type Edge, hasText, type Marks, marked, marksFor, unmarked } from './marks.ts';
import type { Span } from './spans.ts';
import type { Chat, Extras, Message } from './template.ts';

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
    spans: spans.filter((span, i) => Number(messages[turns[i]].weight ?? 1) !== 0 && chosen(span)),
    unwritten: followed.unwritten,
  };
}

/** What a model is asked to go on from: a conversation without its last turn where that is the assistant's, and the start of the next. */
export function openTurn(messages: Message[], chat: Chat, extras?: Extras): string {
  return chat(messages.at(-1)?.role === 'assistant' ? messages.slice(0, -1) : messages, true, extras).text;
}

interface Followed {
  messages: Message[];
  text: string;
  edges: Edge[];
  /** The marks by message. */
  of: Map<number, Edge[]>;
  unwritten: string[];
  /** Renders the first `n` messages, marked alike. */
  upTo(n: number, add_generation_prompt: boolean): { text: string; edges: Edge[] };
  /** The generation prompt after a user's message. */
  prompt(): string;
  starts: Map<string, { tail: string; agreed: number }>;
  ends: Map<string, string>;
  afters: Map<string, string>;
}

/** Renders with marks around every content, or where a template looks at how contents begin or end, around fewer or after them alone. */
function follow(messages: Message[], chat: Chat, extras: Extras | undefined, plain: string): Followed {
  const marks: Marks = marksFor(plain);
  let reason = 'another text with marks in it';
  for (const [which, ends] of WAYS) {
    const upTo = (n: number, add: boolean) =>
      unmarked(chat(marked(messages.slice(0, n), marks, which, ends), add, extras).text, marks);
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
      'give another template with --template FILE, or rows of prompt and completion',
  );
}

const lost = (turn: number, why: string) =>
  new Error(
    `expected to find assistant turn ${turn + 1} of the conversation in what the model's chat template writes, but ${why}; ` +
      'keep only the last assistant turn of such rows, or give another template with --template FILE',
  );

/** The mark that ends the last content before a turn, and where the turn's own content begins and ends. */
function around(turn: number, followed: Followed): { anchor?: Edge; opens?: number; closes?: number; bound: number } {
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
function nextOf(turn: number, at: number, { edges }: Followed): Edge | undefined {
  let i = firstAfter(edges, at - 1);
  while (i < edges.length && (edges[i].message === turn || (edges[i].at === at && edges[i].message < turn))) i++;
  return edges[i];
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

/** Where two texts part, not within a word or a tag: after a tag or white space at or before n. */
function parted(text: string, n: number): number {
  if (n >= text.length) return n;
  for (let i = n; i > 0; i--) if (/[>\]\s:]/.test(text[i - 1])) return i;
  return 0;
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

/** The generation prompt after a user's message; empty where the template writes none. */
function generationPrompt(messages: Message[], upTo: Followed['upTo']): string {
  const user = messages.findIndex(({ role }) => role === 'user');
  if (user === -1) return '';
  try {
    const asked = upTo(user + 1, true).text;
    return asked.slice(agree(asked, upTo(user + 1, false).text));
  } catch {
    return '';
  }
}

/** Where a turn ends, and whether without an end mark; white space after the mark is none of it. */
function endOf(turn: number, from: number, followed: Followed, eos: string): { to: number; open: boolean } {
  const { messages, text, ends, afters } = followed;
  const { closes } = around(turn, followed);
  const at = Math.max(from, closes ?? from);
  const next = nextOf(turn, at, followed);
  const rest = text.slice(at, next?.at ?? text.length);
  const ended = (length: number) => ({ to: at + length, open: length === 0 });
  if (turn === messages.length - 1) {
    const mark = ownEnd(rest.trimEnd(), followed, eos);
    if (mark === undefined) throw lost(turn, 'it writes the start of another turn after it, whether that is asked for or not');
    return ended(mark.length);
  }

  const key = JSON.stringify(likeness(messages[turn], closes !== undefined));
  const known = ends.get(key);
  if (known && rest.startsWith(known)) return ended(known.length);
  // another call, the same text before the next message
  const nextKey = JSON.stringify([closes !== undefined, next && next.message - turn, likeness(messages[turn + 1], true)]);
  const after = afters.get(nextKey);
  if (after && rest.endsWith(after)) return ended(rest.length - after.length);

  const mark = endMark(turn, from, rest, followed, eos) ?? lastMark(rest, followed, eos);
  if (mark === undefined && eos !== '' && rest.startsWith(eos)) return ended(eos.length);
  if (mark === undefined) throw lost(turn, 'it ends otherwise there than where the conversation ends with it');
  ends.set(key, mark);
  if (next && mark !== '') afters.set(nextKey, rest.slice(mark.length));
  return ended(mark.length);
}

/**
 * The turn's own part of what ends a conversation: through the tokenizer's end, where the model stops, else all of it;
 * undefined where the template asks for the next turn unasked.
 */
function ownEnd(tail: string, followed: Followed, eos: string): string | undefined {
  const at = eos === '' ? -1 : tail.indexOf(eos);
  if (at !== -1) return tail.slice(0, at + eos.length);
  if (followed.prompt() !== '' || tail === '') return tail;
  const user = followed.messages.findIndex(({ role }) => role === 'user');
  const asked = user === -1 ? '' : followed.upTo(user + 1, true).text.trimEnd();
  return asked.endsWith(tail.slice(-4)) ? undefined : tail;
}

/** What a conversation that ends with the turn has after its content, as far as the whole has it too. */
function endMark(turn: number, from: number, rest: string, followed: Followed, eos: string): string | undefined {
  const { closes, anchor } = around(turn, followed);
  let through: ReturnType<Followed['upTo']>;
  try {
    through = followed.upTo(turn + 1, false);
  } catch {
    return undefined; // a template may refuse a conversation that ends there
  }
  if (closes !== undefined) {
    const at = through.edges.findLast((edge) => edge.message === turn && !edge.opens)?.at;
    if (at === undefined) return undefined;
    const tail = ownEnd(through.text.slice(at).trimEnd(), followed, eos);
    if (tail === undefined) return undefined;
    return rest.startsWith(tail) ? tail : sharedEnd(tail, rest);
  }
  // no content to hold on to: the longest end of it that the whole has there (some write a last turn with more before it)
  const begins = anchor ? through.edges.findLast((edge) => edge.message === anchor.message && !edge.opens)?.at : 0;
  if (begins === undefined) return undefined;
  const tail = ownEnd(through.text.slice(begins + from - (anchor?.at ?? 0)).trimEnd(), followed, eos);
  if (tail === undefined || tail === '') return tail;
  for (let i = 0; i < tail.length; i++) if (rest.startsWith(tail.slice(i))) return tail.slice(i);
  return sharedEnd(tail, rest);
}

/** The mark that ends the conversation's last turn, where it ends this one too. */
function lastMark(rest: string, { messages, of, text }: Followed, eos: string): string | undefined {
  const closes = of.get(messages.length - 1)?.findLast((edge) => !edge.opens)?.at;
  if (messages.at(-1)!.role !== 'assistant' || closes === undefined) return undefined;
  const tail = text.slice(closes).trimEnd();
  const mark = eos !== '' && tail.includes(eos) ? tail.slice(0, tail.indexOf(eos) + eos.length) : tail;
  return mark !== '' && rest.startsWith(mark) ? mark : undefined;
}

/** What ends the turn in both: what ends the conversation beside it (an eos after all) is not there yet. */
const sharedEnd = (tail: string, rest: string) => rest.slice(0, parted(tail, agree(tail, rest))).trimEnd() || undefined;

/** What of a message decides how the text around its content is written. */
function likeness({ content, tool_call_id: _id, weight: _weight, ...rest }: Message, written: boolean): unknown {
  return JSON.parse(
    JSON.stringify(written ? { ...rest, content: typeof content } : { ...rest, content }, (_, v) =>
      typeof v === 'bigint' ? String(v) : v,
    ),
  );
}

function agree(a: string, b: string): number {
  let n = 0;
  while (n < a.length && n < b.length && a[n] === b[n]) n++;
  return n;
}
