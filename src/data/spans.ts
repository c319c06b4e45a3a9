/**
 * A text as token ids, and which of them lie in given ranges of it. The text is tokenized whole, as the model will read
 * it; a token that reaches into a range belongs to it. Which ranges is chat.ts.
 */

/** Characters of a text, [from, to). */
export interface Span {
  from: number;
  to: number;
}

/** Token ids of a text; continued: of one that goes on from another, with no space put before it. */
type Encode = (text: string, continued: boolean) => number[];

/** Token ids of a text of which the spans are learned: labels are the ids there, -100 elsewhere. */
export function encodeSpans(text: string, spans: Span[], encode: Encode): { ids: number[]; labels: number[] } {
  const ids = encode(text, false);
  const labels = new Array(ids.length).fill(-100);
  const place = placesOf(text, ids, encode);
  for (const { from, to } of spans) {
    if (to <= from) continue;
    const [first, end] = [place(from).before, place(to).after];
    for (let i = first; i < end; i++) labels[i] = ids[i];
  }
  return { ids, labels };
}

/** Tokens that end at or before a place, and one more than the last that begins before it: alike where no token reaches across. */
interface Place {
  before: number;
  after: number;
}

/** Longest token that is looked for across a place, in characters. */
const REACH = 64;

/**
 * Finds places in order. From one place where a token ends to the next, the text between is encoded alone; where that
 * gives the ids of the whole, its end is such a place too. So every part is encoded about once.
 */
function placesOf(text: string, ids: number[], encode: Encode): (at: number) => Place {
  let sound = { at: 0, index: 0 };
  /** Number of ids up to a place where a token ends; undefined where one reaches across. */
  const boundary = (at: number): number | undefined => {
    if (at >= text.length) return ids.length;
    if (inSurrogates(text, at)) return undefined;
    for (const base of sound.at > 0 && at >= sound.at ? [sound, { at: 0, index: 0 }] : [{ at: 0, index: 0 }]) {
      if (at === base.at) return base.index;
      for (const continued of base.at > 0 ? [false, true] : [false]) {
        const part = encode(text.slice(base.at, at), continued);
        if (part.length > 0 && part.every((id, i) => ids[base.index + i] === id)) return base.index + part.length;
      }
    }
    return undefined;
  };
  return (at) => {
    const here = boundary(at);
    if (here !== undefined) {
      sound = { at, index: here };
      return { before: here, after: here };
    }
    let [low, high] = [at - 1, at + 1];
    let [before, after] = [boundary(low), boundary(high)];
    while (before === undefined && low > 0 && at - low < REACH) before = boundary(--low);
    while (after === undefined && high < text.length && high - at < REACH) after = boundary(++high);
    if (before === undefined || after === undefined)
      throw new Error(
        `expected the tokenizer to end a token within ${REACH} characters of where a turn begins or ends, got none near "${text.slice(at - 8, at + 8)}"; ` +
          'put white space or a special token there in the template',
      );
    // a text that ends here may be tokenized otherwise than one that goes on (white space before a word): the other side tells
    const rest = encode(text.slice(at, high), true);
    const ends = after - rest.length;
    if (ends > before && rest.length > 0 && rest.every((id, i) => ids[ends + i] === id)) return { before: ends, after: ends };
    return { before, after };
  };
}

const inSurrogates = (text: string, at: number) =>
  /[\ud800-\udbff]/.test(text[at - 1] ?? '') && /[\udc00-\udfff]/.test(text[at] ?? '');
