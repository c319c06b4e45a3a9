/** Pre-tokenizers of a tokenizer.json: a text cut into the pieces within which tokens lie. Unknown ones are refused by name. */

import type { Find } from './bounded.ts';
import { byteLetters } from './bytes.ts';
import { type Behavior, behaviorOf, GPT2, literal, mustNotGrow, patternOf, plain, replacementOf, split } from './pattern.ts';
import { NO_PUNCTUATION } from './unicode.ts';

/** A piece; first: it stands at the very beginning of the text; continued: or there, where the text goes on from one before it. */
export interface Piece {
  text: string;
  first: boolean;
  continued?: boolean;
}

export type Pretokenize = (piece: Piece) => Piece[];

const WORD = String.raw`\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}`;
const WORDS = plain(new RegExp(`[${WORD}]+|[^${WORD}\\p{White_Space}]+`, 'gu'));
// two signs were punctuation then
const PUNCTUATION = plain(new RegExp(`(?![${NO_PUNCTUATION}])[\\p{P}!-/:-@\\[-\`{-~\\u166d\\u{111c9}]`, 'gu'));
// digits of the newest scripts, for runtimes that do not have them yet
const NUMBER = plain(/[\p{N}\u{11de0}-\u{11de9}\u{16ff4}-\u{16ff6}]/gu);
const SPACE = plain(/\p{White_Space}/gu);

/** The function of a pre-tokenizer's settings. */
export function pretokenizerOf(json: any): Pretokenize {
  if (json === null || json === undefined) return (piece) => [piece];
  switch (json.type) {
    case 'Sequence': {
      const parts: Pretokenize[] = json.pretokenizers.map(pretokenizerOf);
      return (piece) =>
        parts.reduce(
          (pieces, part) => {
            const made = pieces.flatMap((one) => part(one));
            mustNotGrow(
              piece.text,
              made.reduce((n, { text }) => n + text.length, 0),
            );
            return made;
          },
          [piece],
        );
    }
    case 'ByteLevel':
      return byteLevel(json);
    case 'Metaspace':
      return metaspace(json);
    case 'Split':
      return cutting(patternOf(json.pattern, 'Split'), behaviorOf(json.behavior, 'Split'), json.invert ?? false);
    case 'Digits':
      return cutting(NUMBER, json.individual_digits ? 'Isolated' : 'Contiguous');
    case 'Punctuation':
      return cutting(PUNCTUATION, behaviorOf(json.behavior ?? 'Isolated', 'Punctuation'));
    case 'Whitespace':
      return cutting(WORDS, 'Removed', true);
    case 'WhitespaceSplit':
      return cutting(SPACE, 'Removed');
    case 'CharDelimiterSplit':
      return cutting(literal(json.delimiter), 'Removed');
    case 'BertPreTokenizer': {
      const [spaces, marks] = [cutting(SPACE, 'Removed'), cutting(PUNCTUATION, 'Isolated')];
      return (piece) => spaces(piece).flatMap(marks);
    }
  }
  throw new Error(`expected a pre-tokenizer that is known here, got ${JSON.stringify(json.type)}`);
}

function cutting(pattern: Find, behavior: Behavior, invert = false): Pretokenize {
  return ({ text, first, continued }) =>
    split(text, pattern, behavior, invert).map(({ from, to }) => ({
      text: text.slice(from, to),
      first: first && from === 0,
      continued: continued && from === 0,
    }));
}

function byteLevel({ add_prefix_space, use_regex = true }: any): Pretokenize {
  const cut = use_regex ? cutting(patternOf({ Regex: GPT2 }, 'ByteLevel'), 'Isolated') : (piece: Piece) => [piece];
  return (piece) => {
    const prefixed = add_prefix_space && !piece.text.startsWith(' ') && !piece.continued;
    const pieces = cut(prefixed ? { ...piece, text: ` ${piece.text}` } : piece);
    return pieces.map((part) => ({ ...part, text: byteLetters(part.text) }));
  };
}

function metaspace(json: any): Pretokenize {
  const replacement = replacementOf(json);
  // older files say add_prefix_space where newer ones have a scheme
  const scheme = json.prepend_scheme ?? (json.add_prefix_space === false ? 'never' : 'always');
  if (!['always', 'first', 'never'].includes(scheme))
    throw new Error(`expected Metaspace.prepend_scheme to be always, first or never, got ${JSON.stringify(scheme)}`);
  const cut = (json.split ?? true) ? cutting(literal(replacement), 'MergedWithNext') : (piece: Piece) => [piece];
  return (piece) => {
    const text = piece.text.replaceAll(' ', () => replacement);
    const here = scheme === 'always' || (scheme === 'first' && piece.first);
    const prefixed = here && !piece.continued && !text.startsWith(replacement);
    return cut({ ...piece, text: prefixed ? replacement + text : text });
  };
}
