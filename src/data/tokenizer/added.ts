/**
 * Added tokens: texts that are one token wherever they stand, before anything else is cut. They come from tokenizer.json, from
 * added_tokens_decoder and the named special tokens of tokenizer_config.json, as transformers adds them.
 */
import type { Normalize } from './normalize.ts';

export interface AddedToken {
  id: number;
  content: string;
  special: boolean;
  /** Looked for in the normalized text. */
  normalized: boolean;
  /** Only where no letter or digit is beside it. */
  single_word: boolean;
  /** White space before or after it belongs to it. */
  lstrip: boolean;
  rstrip: boolean;
}

export const NAMED = ['bos_token', 'eos_token', 'unk_token', 'sep_token', 'pad_token', 'cls_token', 'mask_token'];

/** Characters of an added token. */
const MAX_CONTENT = 10_000;

/** The added tokens of both files, in the order in which transformers adds them; later settings of a token win. */
export function addedTokens(json: any, config: any, vocabulary: Map<string, number>): AddedToken[] {
  const tokens = new Map<string, AddedToken>();
  const add = (given: any, id?: number, special?: boolean) => {
    const token = typeof given === 'string' ? { content: given, special: true } : given;
    if (typeof token?.content !== 'string' || token.content === '') return;
    const { content } = token;
    if (content.length > MAX_CONTENT)
      throw new Error(`expected added tokens of at most ${MAX_CONTENT} characters, got one of ${content.length}`);
    const next = () => [...tokens.values()].reduce((most, t) => Math.max(most, t.id + 1), vocabulary.size);
    const isSpecial = special || (token.special ?? false);
    tokens.set(content, {
      id: id ?? tokens.get(content)?.id ?? vocabulary.get(content) ?? next(),
      content,
      special: isSpecial || (tokens.get(content)?.special ?? false),
      normalized: token.normalized ?? !isSpecial,
      single_word: token.single_word ?? false,
      lstrip: token.lstrip ?? false,
      rstrip: token.rstrip ?? false,
    });
  };
  for (const [i, token] of (json.added_tokens ?? []).entries()) {
    if (typeof token?.content !== 'string' || !Number.isSafeInteger(token.id))
      throw new Error(
        `expected added_tokens[${i}] to have a content, a text, and an id, got ${JSON.stringify(token)?.slice(0, 80)}`,
      );
    add(token, token.id);
  }
  const decoder = Object.entries<any>(config.added_tokens_decoder ?? {}).sort(([a], [b]) => Number(a) - Number(b));
  const named = NAMED.map((name) => config[name]);
  const names = named.map((token) => token?.content ?? token);
  for (const [, token] of decoder) add(token, undefined, names.includes(token?.content));
  const more = ['model_specific_special_tokens', 'extra_special_tokens', 'additional_special_tokens'];
  for (const token of [...named, ...more.flatMap((name) => listOf(config[name]))])
    if (token && !tokens.has(token.content ?? token)) add(token, undefined, true);
  return [...tokens.values()];
}

const listOf = (value: any): any[] =>
  Array.isArray(value) ? value : value && typeof value === 'object' ? Object.values(value) : [];

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
