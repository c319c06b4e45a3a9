// The programs of a search that the host leads, planned: prompts read a piece at a time, a token of every row, the likeliest next ones of
// each, and rows of the cache moved to where others go on from them. What is searched for is beams.ts.

import { ladder } from '../data/pack.ts';
import type { Planning } from '../gpu/limits.ts';
import { type Plan, plan } from '../gpu/plan.ts';
import type { Build } from '../gpu/program.ts';
import { type Machine, readback, replay } from '../gpu/run.ts';
import { resident, type Tensor, write } from '../gpu/tensor.ts';
import { type Decoder, headsOf, hiddenStates } from '../models/decoder.ts';
import { attention } from '../ops/attention/attention.ts';
import { attentionCached, moveRows, newCache } from '../ops/attention/cache.ts';
import { gatherRows } from '../ops/loss/gather.ts';
import { BROKEN } from '../ops/stream/choose.ts';
import { newRanking, type Ranking, ranked } from '../ops/stream/ranked.ts';
import { newStream, type Stream } from '../ops/stream/stream.ts';
import { logits, overCaches, PIECE } from './decoding.ts';

/** Programs `prefill` (a piece of one prompt), `decode` (a token of every row) and `move`; and their inputs. */
export interface Search {
  plan: Plan;
  rows: number;
  /** Places of a row: tokens of a prompt and its answer. */
  capacity: number;
  prompt: Stream;
  next: Stream;
  ranking: Ranking;
  parents: Tensor;
  reach: Tensor;
}

/** A next token with its score. */
export interface Next {
  id: number;
  score: number;
}

/** A row that goes on: its slot of the cache, its newest token with its place, and all that it has seen. */
export interface SearchRow {
  slot: number;
  id: number;
  position: number;
  seen: Uint32Array;
}

/** Plans for `rows` rows of at most `capacity` tokens and the K likeliest next ones of each: by log-probability, or by logit. */
export function planSearch(
  d: Decoder,
  { rows, capacity, K, asLog }: { rows: number; capacity: number; K: number; asLog: boolean },
  planning: Planning,
): Search {
  const { vocab_size } = d.config;
  const [positions] = d.rope.shape;
  if (capacity > positions)
    throw new Error(
      `expected prompts and answers of at most ${positions} tokens together, for which the model was loaded, got ${capacity}: ` +
        'load it for more positions, or ask for shorter answers.',
    );
  const piece = ladder(Math.min(PIECE, capacity));
  const [prompt, next] = [newStream(piece, 1), newStream(rows, rows)];
  const ranking = newRanking(rows, Math.min(K, vocab_size), vocab_size);
  const [parents, reach] = [resident('parents', [rows], 'other', 'u32'), resident('reach', [1], 'other', 'u32')];
  const caches = d.layers.map((_, i) => newCache(`cache ${i}`, rows * capacity, d.config));
  const whole = overCaches(d, prompt.last, capacity, caches, (p, q, { k, v }) =>
    attention(p, q, k, v, { ...headsOf(d.config), lo: prompt.lo, last: prompt.last, hi: prompt.hi, longest: capacity }),
  );
  const single = overCaches(d, next.last, capacity, caches, (p, q, cache) =>
    attentionCached(p, q, cache, { ...headsOf(d.config), lo: next.lo, last: next.last, capacity }),
  );
  const prefill: Build = (p) => {
    const h = hiddenStates(p, d, prompt, false, whole);
    ranked(p, logits(p, d, gatherRows(p, h, prompt.targetAt, p.dims.M)), ranking, asLog);
  };
  const decode: Build = (p) => ranked(p, logits(p, d, hiddenStates(p, d, next, false, single)), ranking, asLog);
  const move: Build = (p) => {
    for (const cache of caches) moveRows(p, cache, { parents, reach });
  };
  const { best } = ranking;
  const parts: Parameters<typeof plan>[0] = [
    { name: 'prefill', build: prefill, dims: { N: piece, M: 1 }, readback: best },
    { name: 'decode', build: decode, dims: { N: rows, M: rows }, readback: best },
    { name: 'move', build: move, dims: {} },
  ];
  return { plan: plan(parts, planning), rows, capacity, prompt, next, ranking, parents, reach };
}

const put = ({ gpu }: Machine, t: Tensor, values: ArrayLike<number>) => write(gpu.memory, t, Uint32Array.from(values));

/** Reads a prompt into a slot of the cache; the likeliest tokens behind it. */
export async function readPrompt(
  m: Machine,
  s: Search,
  prompt: ArrayLike<number>,
  { slot, seen }: Pick<SearchRow, 'slot' | 'seen'>,
): Promise<Next[]> {
  const piece = s.prompt.ids.shape[0];
  const lo = slot * s.capacity;
  for (let from = 0; from < prompt.length; from += piece) {
    const count = Math.min(piece, prompt.length - from);
    const N = ladder(count, piece);
    // what is not filled repeats the last token in its place: it writes once more what is there
    const at = Array.from({ length: N }, (_, i) => from + Math.min(i, count - 1));
    put(
      m,
      s.prompt.ids,
      at.map((i) => prompt[i]),
    );
    put(
      m,
      s.prompt.lo,
      at.map(() => lo),
    );
    put(
      m,
      s.prompt.last,
      at.map((i) => lo + i),
    );
    put(m, s.prompt.targetAt, [count - 1]);
    put(m, s.ranking.seen, seen);
    replay(m, 'prefill', { N, M: 1 });
  }
  return (await ranksOf(m, s, 'prefill', 1))[0];
}

/** One token more of each row; the likeliest behind it. */
export function goOn(m: Machine, s: Search, rows: readonly SearchRow[]): Promise<Next[][]> {
  const { next, capacity } = s;
  const each = (of: (row: SearchRow) => number) => rows.map(of);
  put(
    m,
    next.ids,
    each(({ id }) => id),
  );
  put(
    m,
    next.lo,
    each(({ slot }) => slot * capacity),
  );
  put(
    m,
    next.last,
    each(({ slot, position }) => slot * capacity + position),
  );
  const words = s.ranking.seen.shape[1];
  const seen = new Uint32Array(rows.length * words);
  rows.forEach((row, i) => seen.set(row.seen, i * words));
  write(m.gpu.memory, s.ranking.seen, seen);
  replay(m, 'decode', { N: rows.length, M: rows.length });
  return ranksOf(m, s, 'decode', rows.length);
}

/** Makes every row of the cache what row parents[row] was, in its first `reach` places. */
export function move(m: Machine, s: Search, parents: readonly number[], reach: number): void {
  if (parents.every((parent, row) => parent === row)) return;
  put(m, s.parents, parents);
  put(m, s.reach, [reach]);
  replay(m, 'move', {});
}

async function ranksOf(m: Machine, { ranking }: Search, program: string, rows: number): Promise<Next[][]> {
  const K = ranking.best.shape[1];
  const read = await readback(m, program);
  const [ids, scores] = [new Uint32Array(read.buffer), new Float32Array(read.buffer)];
  if (ids[0] === BROKEN) throw new Error('expected finite logits, got others: the model or the adapter is broken.');
  const of = (row: number, k: number) => ({ id: ids[2 * (row * K + k)], score: scores[2 * (row * K + k) + 1] });
  return Array.from({ length: rows }, (_, row) => Array.from({ length: K }, (_, k) => of(row, k)));
}
