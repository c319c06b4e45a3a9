/**
 * Marks around the contents of messages, so that a content can be followed through a chat template: rendered with them,
 * looked up in the text and taken out again. What lies between them is learned or not: chat.ts.
 */
import { SPACE, strip } from './jinja/methods.ts';
import type { Message } from './template.ts';

/** Three characters: before a number, after it where a content begins, and where one ends. Rare, printable, no white space. */
export type Marks = readonly [string, string, string];

export interface Edge {
  /** Place in the text without marks (characters). */
  at: number;
  /** Message that the mark stands around. */
  message: number;
  opens: boolean;
}

const RARE = '꣸꣹꣺꩜꩝꩞꩟꫞꫟꯫⳹⳺';

/** Marks that do not occur in a text; throws where it has too many of the characters that they are made of. */
export function marksFor(text: string): Marks {
  const free = [...RARE].filter((c) => !text.includes(c));
  if (free.length < 3)
    throw new Error(`expected a conversation without most of the characters ${RARE}, got one with them; leave them out`);
  return [free[0], free[1], free[2]];
}

/** The messages with marks around what is no white space at a content's ends; a message without text stays as it is. */
export function marked(
  messages: Message[],
  marks: Marks,
  which: (message: Message) => boolean,
  ends: 'both' | 'last',
): Message[] {
  return messages.map((message, i) => {
    if (!which(message)) return message;
    const content = markedContent(message.content, marks, i, ends === 'both');
    return content === undefined ? message : { ...message, content };
  });
}

/** Whether a content has more than white space. */
export function hasText(content: unknown): boolean {
  if (typeof content === 'string') return strip(content) !== '';
  return Array.isArray(content) && content.some((part) => hasText(part?.text));
}

function markedContent(content: unknown, [number, opens, closes]: Marks, i: number, before: boolean): unknown {
  const first = before ? `${number}${i}${opens}` : '';
  if (typeof content === 'string') {
    const core = strip(content);
    if (core === '') return undefined;
    const lead = content.indexOf(core);
    return `${content.slice(0, lead)}${first}${core}${number}${i}${closes}${content.slice(lead + core.length)}`;
  }
  if (!Array.isArray(content)) return undefined;
  const texts = content.map((part, at) => (typeof part?.text === 'string' && hasText(part.text) ? at : -1));
  const [head, last] = [texts.find((at) => at >= 0), texts.findLast((at) => at >= 0)];
  if (head === undefined || last === undefined) return undefined;
  const parts = content.map((part) => ({ ...part }));
  parts[head].text = parts[head].text.replace(new RegExp(`^([${SPACE}]*)`), `$1${first}`);
  parts[last].text = parts[last].text.replace(new RegExp(`([${SPACE}]*)$`), `${number}${i}${closes}$1`);
  return parts;
}

/** A text without its marks, and where they stood, in order. */
export function unmarked(text: string, [number, opens, closes]: Marks): { text: string; edges: Edge[] } {
  const edges: Edge[] = [];
  const parts: string[] = [];
  let [from, at] = [0, 0];
  for (const found of text.matchAll(new RegExp(`${number}(\\d+)([${opens}${closes}])`, 'g'))) {
    parts.push(text.slice(from, found.index));
    at += found.index - from;
    from = found.index + found[0].length;
    edges.push({ at, message: Number(found[1]), opens: found[2] === opens });
  }
  parts.push(text.slice(from));
  return { text: parts.join(''), edges };
}
