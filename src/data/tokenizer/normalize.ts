/**
 * Normalizers of a tokenizer.json: what happens to a text before it is cut. Those that no model of the families here has are
 * refused by name.
 */
import { byteLetters } from './bytes.ts';
import { grown, patternOf, replaced } from './pattern.ts';
import { NO_MARK, NOT_NORMALIZED } from './unicode.ts';

/** Text to text; continued: the text goes on from one before it, so that nothing is put in front. */
export type Normalize = (text: string, continued?: boolean) => string;

/** The function of a normalizer's settings. */
export function normalizerOf(json: any): Normalize {
  if (json === null || json === undefined) return (text) => text;
  switch (json.type) {
    case 'Sequence': {
      const parts: Normalize[] = json.normalizers.map(normalizerOf);
      return (text, continued) => parts.reduce((t, part) => grown(text, part(t, continued)), text);
    }
    case 'NFC':
    case 'NFD':
    case 'NFKC':
    case 'NFKD':
      return (text) => text.replace(NORMALIZED, (part) => part.normalize(json.type));
    case 'Prepend':
      return (text, continued) => (text === '' || continued ? text : grown(text, json.prepend + text));
    case 'Replace': {
      const pattern = patternOf(json.pattern, 'normalizer Replace');
      return (text) => replaced(text, pattern, json.content);
    }
    case 'Strip':
      return (text) => {
        const left = json.strip_left ? text.replace(/^\p{White_Space}+/u, '') : text;
        return json.strip_right ? left.replace(/\p{White_Space}+$/u, '') : left;
      };
    case 'StripAccents':
      return (text) => text.replace(MARK, '');
    case 'Lowercase': // each letter by itself: a sigma at a word's end is like any other
      return (text) => Array.from(text, lowercase).join('');
    case 'ByteLevel':
      return byteLetters;
  }
  throw new Error(`expected a normalizer that is known here, got ${JSON.stringify(json.type)}`);
}

const NORMALIZED = new RegExp(`[^${NOT_NORMALIZED}]+`, 'gu');
// two signs were marks then
const MARK = new RegExp(`(?![${NO_MARK}])[\\p{M}\u1cf2\u1cf3]`, 'gu');

/** A character's small form, with those of the newest scripts, for runtimes that do not have them yet. */
function lowercase(c: string): string {
  const small = c.toLowerCase();
  if (small !== c) return small;
  const code = c.codePointAt(0)!;
  if (code === 0xa7ce || code === 0xa7d2 || code === 0xa7d4) return String.fromCodePoint(code + 1);
  return code >= 0x16ea0 && code <= 0x16eb8 ? String.fromCodePoint(code + 0x1b) : c;
}
