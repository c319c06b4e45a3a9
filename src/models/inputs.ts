// What the host writes before a micro-batch: packed rows padded up to the size in use, and a few scalars.
// Padding tokens are rows of their own, so that they see nobody, nobody sees them, and no gradient reaches them.

import type { Memory } from '../gpu/scope.ts';
import { type Tensor, write } from '../gpu/tensor.ts';
import { SCALARS, type Stream } from '../ops/stream/stream.ts';

/** Rows laid end to end: n tokens and m targets (data/pack.ts makes them). */
export interface PackedRows {
  n: number;
  m: number;
  ids: Uint32Array;
  /** Place of each token in its row. */
  positions: Uint32Array;
  /** First and last token of each token's row, as places in the stream. */
  lo: Uint32Array;
  hi: Uint32Array;
  /** The token whose hidden state predicts each target, and the id to be predicted. */
  targetIndex: Uint32Array;
  targetId: Uint32Array;
}

const NO_TARGET = 0xffffffff;

/**
 * Writes a packed micro-batch, padded to N tokens and M targets. `sorted`: also what the embedding's gradient needs; `padding`: the id
 * whose row it leaves as it is.
 */
export function feed(
  memory: Memory,
  s: Stream,
  b: PackedRows,
  N: number,
  M: number,
  sorted: boolean,
  padding: number | null = null,
): void {
  if (b.n > N || b.m > M) throw new Error(`expected at most ${N} tokens and ${M} targets, got ${b.n} and ${b.m}`);
  const self = (have: Uint32Array) => padded(have, N, (i) => i);
  put(
    memory,
    s.ids,
    padded(b.ids, N, () => 0),
  );
  put(
    memory,
    s.positions,
    padded(b.positions, N, () => 0),
  );
  put(memory, s.lo, self(b.lo));
  put(
    memory,
    s.last,
    Uint32Array.from({ length: N }, (_, i) => i),
  );
  put(memory, s.hi, self(b.hi));
  put(
    memory,
    s.targetAt,
    padded(b.targetIndex, M, () => NO_TARGET),
  );
  put(
    memory,
    s.targetId,
    padded(b.targetId, M, () => 0),
  );
  if (!sorted) return;
  const { order, groups } = byId(b.ids, N, padding);
  put(memory, s.order, order);
  put(memory, s.groups, groups);
}

/** Writes the scalars of a step: 1 / targets of the whole step, the learning rates, and the tokens of the micro-batch. */
export function feedScalars(
  memory: Memory,
  s: Stream,
  { targets, lr, ownLr = 0, tokens = 0 }: { targets: number; lr: number; ownLr?: number; tokens?: number },
): void {
  const scalars = new Float32Array(SCALARS.count);
  scalars[SCALARS.invTargets] = 1 / targets;
  scalars[SCALARS.lr] = lr;
  scalars[SCALARS.ownLr] = ownLr;
  scalars[SCALARS.tokens] = tokens;
  write(memory, s.scalars, scalars);
}

/** Numbers the micro-batch that is fed, counted over the whole run: f32, exact up to 2^24. */
export function feedPass(memory: Memory, s: Stream, pass: number): void {
  write(memory, s.scalars, Float32Array.of(pass), SCALARS.pass);
}

/** An input that none of the planned programs reads has no buffer, and gets none here: what is allocated is what was planned. */
function put(memory: Memory, t: Tensor, data: Uint32Array<ArrayBuffer>): void {
  if (t.home?.buffer) write(memory, t, data);
}

function padded(have: Uint32Array, length: number, fill: (i: number) => number): Uint32Array<ArrayBuffer> {
  const all = new Uint32Array(length);
  all.set(have);
  for (let i = have.length; i < length; i++) all[i] = fill(i);
  return all;
}

/** Tokens sorted by id, but for those of `padding`, and (id, first place) of each distinct id, closed and padded by empty groups. */
function byId(ids: Uint32Array, N: number, padding: number | null) {
  const order = new Uint32Array(N);
  const learned = Uint32Array.from(ids.keys()).filter((i) => ids[i] !== padding);
  order.set(learned.sort((a, b) => ids[a] - ids[b] || a - b));
  const groups = new Uint32Array(2 * N + 2);
  let n = 0;
  for (let i = 0; i < learned.length; i++)
    if (!i || ids[order[i]] !== ids[order[i - 1]]) {
      groups.set([ids[order[i]], i], 2 * n);
      n++;
    }
  for (; n <= N; n++) groups.set([0, learned.length], 2 * n);
  return { order, groups };
}
