/**
 * A text as token ids, and which of them lie in given ranges of it. The text is tokenized whole, as the model will read
 * it; a token that reaches into a range belongs to it. Which ranges is chat.ts.
 */

/** Characters of a text, [from, to). */
export interface Span {
  from: number;
  to: number;
}

type Encode = (text: string) => number[];
/** Text of ids, special tokens included. */
type Decode = (ids: number[]) => string;

/** Token ids of a text of which the spans are learned: labels are the ids there, -100 elsewhere. */
export function encodeSpans(text: string, spans: Span[], encode: Encode, decode?: Decode): { ids: number[]; labels: number[] } {
  const ids = encode(text);
  const labels = new Array(ids.length).fill(-100);
  const place = (decode && placesByText(text, ids, encode, decode)) ?? placesByParts(text, ids, encode);
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

/**
 * Places by the texts of the tokens, one after another; undefined where those are not the text (a normalizer changed it).
 * A token's text is what it adds after another, so that a space at its start is there.
 */
function placesByText(text: string, ids: number[], encode: Encode, decode: Decode): ((at: number) => Place) | undefined {
  const guard = encode('a').slice(-1);
  const before = decode(guard);
  const texts = new Map<number, string>();
  const textOf = (some: number[]) => {
    const all = decode([...guard, ...some]);
    return all.startsWith(before) ? all.slice(before.length) : '\ufffd';
  };
  const starts = new Int32Array(ids.length);
  const ends = new Int32Array(ids.length);
  let at = 0;
  for (let i = 0, next = 0; i < ids.length; i = next) {
    let token = texts.get(ids[i]);
    if (token === undefined) texts.set(ids[i], (token = textOf([ids[i]])));
    next = i + 1;
    // a character may be of several tokens, each of some of its bytes
    while (token.includes('\ufffd') && next < ids.length && next - i < 16) token = textOf(ids.slice(i, ++next));
    // a space that the tokenizer puts before a text is none of its characters, and counts to the first of them
    let put = !text.startsWith(token, at) && token.startsWith(' ');
    if (put && i > 0 && text[at - 1] === ' ' && starts[i - 1] < at && text.slice(starts[i - 1], at).trim() === '') {
      // it was the token before, of spaces alone, that had it
      ends[i - 1] = Math.max(at - 1, starts[i - 1] + 1);
      at--;
      put = false;
    }
    if (!text.startsWith(put ? token.slice(1) : token, at)) return undefined;
    starts.fill(at, i, next);
    at += token.length - (put ? 1 : 0);
    ends.fill(Math.max(at, starts[i] + 1), i, next);
  }
  if (at !== text.length) return undefined;
  return (place) => ({ before: firstAbove(ends, place), after: firstAbove(starts, place - 1) });
}

/** Index of the first number above n in an ascending list. */
function firstAbove(list: Int32Array, n: number): number {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (list[middle] > n) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Longest token that is looked for across a place, in characters. */
const REACH = 64;

/**
 * Finds places in order, where the tokens' own texts do not tell. From one place where a token ends to the next, the text between is encoded alone; where that
 * gives the ids of the whole, its end is such a place too. So every part is encoded about once.
 */
function placesByParts(text: string, ids: number[], encode: Encode): (at: number) => Place {
  let sound = { at: 0, index: 0 };
  /** Number of ids up to a place where a token ends; undefined where one reaches across. */
  const boundary = (at: number): number | undefined => {
    if (at >= text.length) return ids.length;
    if (inSurrogates(text, at)) return undefined;
    for (const base of sound.at > 0 && at >= sound.at ? [sound, { at: 0, index: 0 }] : [{ at: 0, index: 0 }]) {
      if (at === base.at) return base.index;
      const part = encode(text.slice(base.at, at));
      if (part.length > 0 && part.every((id, i) => ids[base.index + i] === id)) return base.index + part.length;
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
    const rest = encode(text.slice(at, high));
    const ends = after - rest.length;
    if (ends > before && rest.length > 0 && rest.every((id, i) => ids[ends + i] === id)) return { before: ends, after: ends };
    sound = { at: high, index: after };
    return { before, after };
  };
}

const inSurrogates = (text: string, at: number) =>
  /[\ud800-\udbff]/.test(text[at - 1] ?? '') && /[\udc00-\udfff]/.test(text[at] ?? '');
