// The programs that answer prompts, planned: the reading of prompts in pieces into a key/value cache, and one token more of every row.
// What is decoded next lies on the device from token to token; how rows come and go is generate.ts.

import { ladder } from '../data/pack.ts';
import type { Planning } from '../gpu/limits.ts';
import { type Plan, plan } from '../gpu/plan.ts';
import { type Build, type Program, temp } from '../gpu/program.ts';
import { resident, type Tensor } from '../gpu/tensor.ts';
import { type Attend, type Decoder, headsOf, hiddenStates, turns, weightBytes } from '../models/decoder.ts';
import { attention } from '../ops/attention/attention.ts';
import { attentionCached, type Cache, intoCache, newCache } from '../ops/attention/cache.ts';
import { gatherRows } from '../ops/loss/gather.ts';
import { likeliest, toldWidth } from '../ops/loss/likeliest.ts';
import { whole } from '../ops/matmul/gemm.ts';
import { productInto } from '../ops/matmul/stored-product.ts';
import { rmsnorm } from '../ops/norm/rmsnorm.ts';
import { advance, type Choosing, choose, newChoosing } from '../ops/stream/choose.ts';
import { newStream, type Stream } from '../ops/stream/stream.ts';

/** Tokens of prompts read at a time. */
export const PIECE = 256;
/** Where a row begins in a piece: at a multiple of every kernel's tile, so that its sums are the same whatever is beside it. */
export const TILE = 32;
/** Rows decoded at once at most: as many as share one reading of a stored weight. */
const MOST_ROWS = 8;

/** Programs `prefill` (a piece of prompts), `decode` (a token of every row) and, where rows are several, `decode one`; and their inputs. */
export interface Decoding {
  plan: Plan;
  /** Rows that there are caches for, and places of each: tokens of a prompt and its answer. */
  rows: number;
  capacity: number;
  /** Tokens that a piece has room for. */
  piece: number;
  /** Inputs of prefill, whose targets are the last tokens of prompts; and of decode, a token and a target a row. */
  prompts: Stream;
  next: Stream;
  choosing: Choosing;
  /** What is told of each row's token and of the likeliest (ops/loss/likeliest.ts), where that is wanted. */
  told: Tensor | null;
}

/** Plans for `rows` rows at once of at most `capacity` tokens, prompt and answer together. */
export function planDecoding(d: Decoder, capacity: number, planning: Planning, rows = 1): Decoding {
  const [positions] = d.rope.shape;
  if (capacity > positions)
    throw new Error(
      `expected prompts and answers of at most ${positions} tokens together, for which the model was loaded, got ${capacity}: ` +
        'load it for more positions, or ask for shorter answers.',
    );
  const of = newInputs(capacity, rows);
  return { ...of, plan: plan(decodingParts(d, of, newCaches(d, of)), planning) };
}

/** The inputs of a decoding. most: tokens that are told of beside a row's own; of none where it is left out. */
export function newInputs(capacity: number, rows: number, most?: number): Inputs {
  const piece = ladder(Math.min(PIECE, rows * TILE * Math.ceil(capacity / TILE)));
  const told = most === undefined ? null : resident('told', [rows, toldWidth(most)], 'other', 'u32');
  return {
    prompts: newStream(piece, rows),
    next: newStream(rows, rows),
    choosing: newChoosing(rows),
    told,
    rows,
    capacity,
    piece,
  };
}

/** Keys and values of all rows, a layer each. */
export const newCaches = (d: Decoder, { rows, capacity }: Inputs): Cache[] =>
  d.layers.map((_, i) => newCache(`cache ${i}`, rows * capacity, d.config));

/** The programs, to be planned; `as` names them apart where there are several of one decoder. */
export function decodingParts(d: Decoder, of: Inputs, caches: Cache[], as = (name: string) => name) {
  const { rows, piece, told, choosing } = of;
  const most = told && { wanted: (told.shape[1] - 2) / 2 };
  const part = (name: string, build: Build, N: number, M: number) => ({
    name: as(name),
    build,
    dims: { N, M, ...most },
    readback: told ?? choosing.chosen,
  });
  const decode = decoding(d, of, caches);
  const parts = [part('prefill', prefilling(d, of, caches), piece, rows), part('decode', decode, rows, rows)];
  if (rows > 1) parts.push(part('decode one', decode, 1, 1));
  return parts;
}

/** Rows to decode at once of so many: a cache within a binding, and all caches together no larger than `most` bytes, as the weights unless told. */
export function rowsAtOnce(d: Decoder, capacity: number, count: number, { maxBinding }: Planning, most = weightBytes(d)): number {
  const row = 4 * capacity * d.config.n_kv_heads * d.config.head_dim;
  const fit = Math.min(Math.floor(maxBinding / row), Math.floor(most / (2 * row * d.layers.length)));
  return Math.max(1, Math.min(MOST_ROWS, count, fit));
}

export type Inputs = Omit<Decoding, 'plan'>;

function prefilling(d: Decoder, { prompts: s, choosing, told, capacity }: Inputs, caches: Cache[]): Build {
  const attend = overCaches(d, s.last, capacity, caches, (p, q, { k, v }) =>
    attention(p, q, k, v, { ...headsOf(d.config), lo: s.lo, last: s.last, hi: s.hi, longest: capacity }),
  );
  return (p) => {
    const h = hiddenStates(p, d, s, false, attend);
    chooseOf(p, logits(p, d, gatherRows(p, h, s.targetAt, p.dims.M)), s, choosing, told);
  };
}

function decoding(d: Decoder, { next: s, choosing, told, capacity }: Inputs, caches: Cache[]): Build {
  const attend = overCaches(d, s.last, capacity, caches, (p, q, cache) =>
    attentionCached(p, q, cache, { ...headsOf(d.config), lo: s.lo, last: s.last, capacity }),
  );
  return (p) => {
    chooseOf(p, logits(p, d, hiddenStates(p, d, s, false, attend)), s, choosing, told);
    advance(p, choosing.chosen, s, p.dims.N, capacity);
  };
}

/** Chooses a token of each row, and tells of it where that is wanted. */
function chooseOf(p: Program, logits: Tensor, s: Stream, choosing: Choosing, told: Tensor | null): void {
  choose(p, logits, choosing, { tokenAt: s.targetAt, positions: s.positions });
  const { M: m, wanted } = p.dims;
  if (told) likeliest(p, logits, { ids: choosing.chosen, told, row0: 0, m, wanted });
}

/** Attention of tokens whose place in the cache is the last that they see. */
export function overCaches(
  d: Decoder,
  places: Tensor,
  capacity: number,
  caches: Cache[],
  over: (p: Program, q: Tensor, cache: Cache) => Tensor,
): Attend {
  return (p, layer, qkv) => {
    const at = { places, capacity, table: d.rope, turn: turns(d.config, layer) };
    return over(p, intoCache(p, qkv, caches[layer], d.config, at), caches[layer]);
  };
}

/** Logits [M, V] after hidden states [M, D]. */
export function logits(p: Program, d: Decoder, h: Tensor): Tensor {
  const x = rmsnorm(p, h, d.norm, d.config.rms_norm_eps);
  const out = temp(p, 'logits', [h.shape[0], d.config.vocab_size], 'logits');
  productInto(p, whole(x), h.shape[0], d.head, whole(out), 0);
  return out;
}
