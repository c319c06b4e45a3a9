/**
 * Added tokens found in a text, before anything else is cut. Which tokens are added is io/added-tokens.ts.
 */
import type { AddedToken } from '../../io/added-tokens.ts';
import type { Normalize } from './normalize.ts';

/** A part of a text: an added token, or text that is none. */
export type Part = { id: number } | { id?: undefined; text: string; from: number };

/** Cuts texts at added tokens, the leftmost first and of those the longest: `raw` in a text as given, `normalized` in one normalized. */
export function finders(
  tokens: AddedToken[],
  normalize: Normalize,
): { raw: (t: string) => Part[]; normalized: (t: string) => Part[] } {
  const plain = tokens.filter((token) => !token.normalized).map((token) => [token.content, token] as const);
  const inNormalized = tokens.filter((token) => token.normalized).map((token) => [normalize(token.content), token] as const);
  return { raw: finder(plain), normalized: finder(inNormalized) };
}

const WORD = String.raw`[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]`;
const BEGINS_WORD = new RegExp(`^${WORD}`, 'u');
const WHITE = /\p{White_Space}/u;
const ENDS_WORD = new RegExp(`${WORD}$`, 'u');

function finder(tokens: (readonly [string, AddedToken])[]): (text: string) => Part[] {
  const known = new Map(tokens.filter(([text]) => text !== ''));
  if (known.size === 0) return (text) => [{ text, from: 0 }];
  const any = new RegExp(
    [...known.keys()]
      .sort((a, b) => b.length - a.length)
      .map((text) => text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&'))
      .join('|'),
    'gu',
  );
  return (text) => {
    const parts: Part[] = [];
    let done = 0;
    for (const { 0: found, index } of text.matchAll(any)) {
      const token = known.get(found)!;
      let [from, to] = [index, index + found.length];
      // two units hold a whole character
      const beside = ENDS_WORD.test(text.slice(Math.max(0, from - 2), from)) || BEGINS_WORD.test(text.slice(to, to + 2));
      if (token.single_word && beside) continue;
      if (token.lstrip) while (from > done && WHITE.test(text[from - 1])) from--;
      if (token.rstrip) while (to < text.length && WHITE.test(text[to])) to++;
      if (done < from) parts.push({ text: text.slice(done, from), from: done });
      parts.push({ id: token.id });
      done = to;
    }
    if (done !== text.length) parts.push({ text: text.slice(done), from: done });
    return parts;
  };
}
