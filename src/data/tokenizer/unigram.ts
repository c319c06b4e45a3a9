/** The other models of a tokenizer.json: Unigram (the likeliest cut by scores), WordPiece (the longest tokens first), WordLevel. */

import type { Vocabulary } from './bpe.ts';
import { byteTokens } from './bytes.ts';

interface Node {
  id?: number;
  next: Map<string, Node>;
}

/** A Unigram model's settings as a function. */
export function unigram({ vocab, unk_id, byte_fallback }: any): Vocabulary {
  const bad = vocab.findIndex?.((pair: any) => typeof pair?.[0] !== 'string' || !Number.isFinite(pair[1]));
  if (bad !== -1)
    throw new Error(`expected pieces with their scores in the vocabulary, got ${JSON.stringify(vocab[bad])?.slice(0, 80)}`);
  if (!(unk_id === null || unk_id === undefined || Object.hasOwn(vocab, unk_id)))
    throw new Error(`expected unk_id to be one of ${vocab.length} pieces, got ${JSON.stringify(unk_id)}`);
  const scores: number[] = vocab.map(([, score]: [string, number]) => score);
  const ids = new Map<string, number>(vocab.map(([token]: [string, number], id: number) => [token, id]));
  const root: Node = { next: new Map() };
  for (const [token, id] of ids) {
    let node = root;
    for (const c of token) {
      if (!node.next.has(c)) node.next.set(c, { next: new Map() });
      node = node.next.get(c)!;
    }
    node.id = id;
  }
  const unknown: number | null = unk_id ?? null;
  const unlikely = scores.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY) - 10;
  const unknownId = () => {
    if (unknown === null) throw new Error('expected a Unigram model with an unk_id, got none, for a character it does not have');
    return unknown;
  };
  return {
    ids,
    encode(text) {
      const chars = [...text];
      const best = chars.map(() => ({ id: 0, score: 0, from: -1 }));
      best.push({ id: 0, score: 0, from: -1 });
      const offer = (to: number, id: number, score: number, from: number) => {
        if (best[to].from < 0 || score > best[to].score) best[to] = { id, score, from };
      };
      for (let from = 0; from < chars.length; from++) {
        const before = best[from].score;
        let node = root.next.get(chars[from]);
        const single = node?.id !== undefined;
        for (let to = from + 1; node; node = node.next.get(chars[to++]))
          if (node.id !== undefined) offer(to, node.id, scores[node.id] + before, from);
        if (!single) offer(from + 1, unknownId(), unlikely + before, from);
      }
      return written(chars, best);
    },
  };

  /** The best path's tokens; unknown characters side by side are one. */
  function written(chars: string[], best: { id: number; from: number }[]): number[] {
    const parts: { id: number; text: string }[] = [];
    for (let to = chars.length; to > 0; to = best[to].from) {
      const { id, from } = best[to];
      const text = chars.slice(from, to).join('');
      const last = parts.at(-1);
      if (last && id === unknown && last.id === unknown) last.text = text + last.text;
      else parts.push({ id, text });
    }
    return parts.reverse().flatMap(({ text }) => {
      const id = ids.get(text);
      if (id !== undefined) return [id];
      const bytes = byte_fallback ? byteTokens(text).map((token) => ids.get(token)) : [undefined];
      return bytes.includes(undefined) ? [unknownId()] : (bytes as number[]);
    });
  }
}

/** A WordPiece model's settings as a function. */
export function wordPiece({
  vocab,
  unk_token,
  continuing_subword_prefix = '##',
  max_input_chars_per_word = 100,
}: any): Vocabulary {
  const ids = new Map<string, number>(Object.entries(vocab));
  const unknown = unknownOf(ids, unk_token);
  return {
    ids,
    encode(text) {
      const chars = [...text];
      if (chars.length > max_input_chars_per_word) return [unknown()];
      const out: number[] = [];
      for (let from = 0; from < chars.length; ) {
        let to = chars.length;
        let id: number | undefined;
        for (; to > from; to--) {
          id = ids.get((from > 0 ? continuing_subword_prefix : '') + chars.slice(from, to).join(''));
          if (id !== undefined) break;
        }
        if (id === undefined) return [unknown()];
        out.push(id);
        from = to;
      }
      return out;
    },
  };
}

/** A WordLevel model's settings as a function. */
export function wordLevel({ vocab, unk_token }: any): Vocabulary {
  const ids = new Map<string, number>(Object.entries(vocab));
  const unknown = unknownOf(ids, unk_token);
  return { ids, encode: (text) => [ids.get(text) ?? unknown()] };
}

function unknownOf(ids: Map<string, number>, token: string): () => number {
  return () => {
    const id = ids.get(token);
    if (id === undefined) throw new Error(`expected the unknown token ${JSON.stringify(token)} in the vocabulary, got none`);
    return id;
  };
}
