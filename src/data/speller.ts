// Text of token ids as they come, one by one: the pieces together are the text of all of them.

import type { Tokenizer } from './tokenizer.ts';

/** Ids that are read again with each new one: by them a decoder knows that it is not at the beginning. */
const WINDOW = 5;

export interface Speller {
  /** What the text gains by one more id; nothing while its last character is not whole. */
  next(id: number): string;
  /** What it would gain, without taking the id; a character that is not whole is U+FFFD. */
  gain(id: number): string;
  /** What is left at the end: a character that never became whole. */
  rest(): string;
}

/** Spells ids that go on from those `before`. skip_special: special tokens give nothing. */
export function speller(tokenizer: Tokenizer, before: ArrayLike<number> = [], skip_special = true): Speller {
  const textOf = (ids: number[]) => tokenizer.decode(ids, { skip_special });
  // `old` has been told, `more` waits for a whole character
  let old = Array.from(
    { length: Math.min(WINDOW, before.length) },
    (_, i) => before[before.length - Math.min(WINDOW, before.length) + i],
  );
  let more: number[] = [];
  let told = textOf(old);
  const gain = (ids: number[]) => textOf([...old, ...ids]).slice(told.length);
  return {
    next(id) {
      more.push(id);
      const text = gain(more);
      if (text.endsWith('\uFFFD')) return '';
      old = [...old, ...more].slice(-WINDOW);
      more = [];
      told = textOf(old);
      return text;
    },
    gain: (id) => gain([...more, id]),
    rest: () => gain(more),
  };
}
