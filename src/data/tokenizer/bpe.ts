/** The models of a tokenizer.json: a piece of text to token ids, as Rust's tokenizers does it. Byte-pair encoding here. */
import { byteTokens } from './bytes.ts';

export type Encode = (piece: string) => number[];

export interface Vocabulary {
  /** Tokens of the model to ids; added tokens are not among them. */
  ids: Map<string, number>;
  encode: Encode;
}

/** A BPE model's settings as a function. */
export function bpe(json: any): Vocabulary {
  const ids = new Map<string, number>(Object.entries(json.vocab));
  if (json.dropout)
    throw new Error(`expected BPE without dropout, got ${json.dropout}: its tokens would differ from time to time`);
  const prefix: string = json.continuing_subword_prefix ?? '';
  const size = [...ids.values()].reduce((most, id) => Math.max(most, id + 1), 0); // ids may have gaps
  const { ranks, made } = mergesOf(json.merges ?? [], ids, size, prefix.length);
  const symbols = symbolsOf(json, ids, prefix);
  const piece: Encode = (text) => {
    if (text === '') return [];
    const whole = json.ignore_merges ? ids.get(text) : undefined;
    return whole === undefined ? mergeAll(symbols(text), size, ranks, made) : [whole];
  };
  return { ids, encode: remembered(json.ignore_merges || !apart(json, ids, made) ? (text) => [text] : words, piece) };
}

/** The key of a pair is left * size + right, that of its rank the token made of it. */
function mergesOf(
  list: any[],
  ids: Map<string, number>,
  size: number,
  prefix: number,
): { ranks: Map<number, number>; made: number[] } {
  const ranks = new Map<number, number>();
  const made: number[] = [];
  list.forEach((merge, rank) => {
    const pair = Array.isArray(merge) ? merge : String(merge).split(' ');
    const texts = pair.length === 2 && pair.every((token) => typeof token === 'string');
    const [left, right, both] = texts ? [pair[0], pair[1], pair[0] + pair[1].slice(prefix)].map((token) => ids.get(token)) : [];
    if (left === undefined || right === undefined || both === undefined)
      throw new Error(`expected merges of two tokens into one of the vocabulary, got ${JSON.stringify(merge)}`);
    ranks.set(left * size + right, rank);
    made.push(both);
  });
  return { ranks, made };
}

/** A piece as the ids that merging begins with: its characters, bytes of those that are no token, or the unknown token. */
function symbolsOf(json: any, ids: Map<string, number>, prefix: string): Encode {
  const suffix: string = json.end_of_word_suffix ?? '';
  const unknown = typeof json.unk_token === 'string' ? ids.get(json.unk_token) : undefined;
  return (text) => {
    const out: number[] = [];
    let pending = false;
    let at = 0;
    for (const c of text) {
      const last = at + c.length === text.length;
      const symbol = (at === 0 ? '' : prefix) + c + (last ? suffix : '');
      at += c.length;
      const id = ids.get(symbol);
      if (id !== undefined) {
        if (pending) out.push(unknown!);
        pending = false;
        out.push(id);
        continue;
      }
      const bytes = json.byte_fallback ? byteTokens(symbol).map((token) => ids.get(token)) : [undefined];
      if (!bytes.includes(undefined)) {
        out.push(...(bytes as number[])); // before an unknown one that is still pending, as the original has it
        continue;
      }
      if (json.unk_token === null || json.unk_token === undefined) continue;
      if (unknown === undefined) throw new Error(`expected the unknown token ${json.unk_token} in the vocabulary, got none`);
      if (pending && !json.fuse_unk) out.push(unknown);
      pending = true;
    }
    if (pending) out.push(unknown!);
    return out;
  };
}

/** Merges pairs, the best ranked first and of those the leftmost, until none is left. */
function mergeAll(symbols: number[], size: number, ranks: Map<number, number>, made: number[]): number[] {
  const n = symbols.length;
  const next = Int32Array.from(symbols, (_, i) => (i + 1 < n ? i + 1 : -1));
  const prev = Int32Array.from(symbols, (_, i) => i - 1);
  const gone = new Uint8Array(n);
  const heap = newHeap();
  const offer = (at: number) => {
    const rank = ranks.get(symbols[at] * size + symbols[next[at]]);
    if (rank !== undefined) heap.push(rank * PLACES + at);
  };
  for (let i = 0; i + 1 < n; i++) offer(i);
  for (let top = heap.pop(); top !== undefined; top = heap.pop()) {
    const at = top % PLACES;
    const right = next[at];
    if (gone[at] || right < 0) continue;
    const token = made[Math.floor(top / PLACES)];
    const rank = ranks.get(symbols[at] * size + symbols[right]);
    if (rank === undefined || made[rank] !== token) continue; // what was to be merged has changed meanwhile
    symbols[at] = token;
    gone[right] = 1;
    next[at] = next[right];
    if (next[right] >= 0) prev[next[right]] = at;
    if (prev[at] >= 0) offer(prev[at]);
    if (next[at] >= 0) offer(at);
  }
  return symbols.filter((_, i) => !gone[i]);
}

/** A rank and a place in one number: pieces are shorter than this. */
const PLACES = 2 ** 30;

/** Numbers, the smallest first. */
function newHeap(): { push(value: number): void; pop(): number | undefined } {
  const heap: number[] = [];
  return {
    push(value) {
      let at = heap.push(value) - 1;
      for (let up = (at - 1) >> 1; at > 0 && heap[up] > value; at = up, up = (at - 1) >> 1) heap[at] = heap[up];
      heap[at] = value;
    },
    pop() {
      const top = heap[0];
      const value = heap.pop();
      if (value === undefined || heap.length === 0) return top;
      let at = 0;
      for (let child = 1; child < heap.length; child = 2 * at + 1) {
        if (child + 1 < heap.length && heap[child + 1] < heap[child]) child++;
        if (heap[child] >= value) break;
        heap[at] = heap[child];
        at = child;
      }
      heap[at] = value;
      return top;
    },
  };
}

// --- words apart ------------------------------------------------------------------------------------------------------

const BLANK = '▁';
const REMEMBERED = 50_000;

/**
 * Whether a text of words with ▁ before each can be encoded word by word: no merge makes a token with a ▁ after something
 * else, so none reaches across, and the ▁ is a token, so that unknown ones do not run together over it.
 */
function apart({ continuing_subword_prefix, end_of_word_suffix }: any, ids: Map<string, number>, made: number[]): boolean {
  if (continuing_subword_prefix || end_of_word_suffix || !ids.has(BLANK)) return false;
  const merged = new Set(made);
  for (const [token, id] of ids) if (merged.has(id) && /[^▁]▁/.test(token)) return false;
  return true;
}

const words = (text: string): string[] => (text.includes(BLANK) ? text.split(/(?<=[^▁])(?=▁)/u) : [text]);

/** An encoder of a piece's parts one by one that remembers the short ones. */
function remembered(parts: (text: string) => string[], encode: Encode): Encode {
  const memory = new Map<string, number[]>();
  const known: Encode = (text) => {
    let ids = memory.get(text);
    if (ids !== undefined) return ids;
    ids = encode(text);
    if (memory.size >= REMEMBERED) memory.clear();
    if (text.length < 64) memory.set(text, ids);
    return ids;
  };
  return (text) => {
    const cut = parts(text);
    return cut.length === 1 ? known(text) : cut.flatMap(known);
  };
}
