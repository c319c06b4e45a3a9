// The text of a row token by token. A token has no text of its own: a character may take several, and what a decoder does at the
// start of a text it does not do within. So each is what decoding gains by it.

import { NOT_LEARNED } from './rows.ts';
import type { Tokenizer } from './tokenizer.ts';

const HALF = '\uFFFD';

/** What each token adds to the text of the ids; of a character made of several tokens the last one has it, the others nothing. */
export function piecesOf({ decode }: Pick<Tokenizer, 'decode'>, ids: ArrayLike<number>): string[] {
  const all = Array.from(ids);
  const pieces = all.map(() => '');
  const textOf = (from: number, to: number) => decode(all.slice(from, to), { skip_special: false });
  // decoded along with the whole piece before it, because alone it may lose a space at its start
  let [before, from] = [0, 0];
  for (let to = 1; to <= all.length; to++) {
    const known = textOf(before, from);
    const text = textOf(before, to);
    if (text.endsWith(HALF) && to < all.length && to - from < LONGEST_CHARACTER) continue;
    pieces[to - 1] = text.startsWith(known) ? text.slice(known.length) : textOf(from, to);
    [before, from] = [from, to];
  }
  return pieces;
}

/** Tokens of one character at most, in UTF-8: more that end in half of one are no character to come. */
const LONGEST_CHARACTER = 4;

/** A row's text in parts, each learned or not. */
export function partsOf(
  tokenizer: Pick<Tokenizer, 'decode'>,
  { ids, labels }: { ids: ArrayLike<number>; labels: ArrayLike<number> },
): { text: string; learned: boolean }[] {
  const parts: { text: string; learned: boolean }[] = [];
  for (const [i, text] of piecesOf(tokenizer, ids).entries()) {
    const learned = labels[i] !== NOT_LEARNED;
    const last = parts.at(-1);
    if (last?.learned === learned) last.text += text;
    else parts.push({ text, learned });
  }
  return parts;
}
