// The rows that an export is compared on: a few texts of unlike kinds in the model's own tokens, every one of them a target.

import type { Row } from '../../data/rows.ts';
import type { OpenModel } from '../../parts.ts';

/** What tokenizers cut in their own ways: words, figures, code, spaces, letters beyond ASCII, emoji. */
export const TEXTS = [
  'Once upon a time there was a little girl who lived near the forest, and every morning she walked to the river to see the fish.',
  "The answer isn't 42: 3.14159 * 2 = 6.28318, and 1234567 - 89 = 1234478. They've said it's true; we'll see what that's worth.",
  'def add(a, b):\n    return a + b  # the sum\n\n\tfor i in range(10):\n        print(add(i, i ** 2))\n',
  'Übung macht den Meister – ça va? Привет, мир! 你好，世界。   Spaces  and\u00a0emoji 🙂👍🏽 too.',
];

/** Tokens of a row at most. */
const LENGTH = 40;
/** One's own rows at most. */
const OWN = 4;

/** The texts as rows; where a tokenizer has too few words for one, ids from all over the vocabulary. */
export function rowsFor({ files, tokenizer }: OpenModel): Row[] {
  const { vocab_size, max_position_embeddings } = files.config;
  const length = Math.min(LENGTH, max_position_embeddings);
  return TEXTS.map((text, row) => {
    const own = tokenizer.encode(text, { special: true }).filter((id) => id < vocab_size);
    const varied = new Set(own).size >= 8;
    const ids = Int32Array.from(
      varied ? own.slice(0, length) : Array.from({ length }, (_, i) => (7919 * (i + row) ** 2) % vocab_size),
    );
    return { ids, labels: ids, promptLength: 1 };
  });
}

/** The beginnings of a few of one's own rows, every token of them a target. */
export const beginningsOf = (rows: readonly Row[]): Row[] =>
  rows
    .filter(({ ids }) => ids.length > 1)
    .slice(0, OWN)
    .map(({ ids }) => ids.slice(0, LENGTH))
    .map((ids) => ({ ids, labels: ids, promptLength: 1 }));

/** Texts that become other ids with the other tokenizer. */
export const otherIds = (one: OpenModel, other: OpenModel): string[] =>
  TEXTS.filter((text) => ids(one, text) !== ids(other, text));

const ids = ({ tokenizer }: OpenModel, text: string) => tokenizer.encode(text, { special: true }).join();
