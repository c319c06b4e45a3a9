/**
 * Rows of unlike length laid end to end in one stream of N tokens, and the stream padded to a rung of a ladder of lengths,
 * so that a few programs serve all batches. Attention stays within a row by lo and hi; the head runs over targets only.
 */
import { NOT_LEARNED, type Row } from './rows.ts';

/** A stream of n tokens and M targets; every array is of the device's u32. */
export interface Packed {
  /** Tokens of the rows; the arrays of a padded stream are longer. */
  n: number;
  /** Targets of the rows. */
  m: number;
  /** [N] */
  ids: Uint32Array<ArrayBuffer>;
  /** [N] place within the row. */
  positions: Uint32Array<ArrayBuffer>;
  /** [N] place in the stream of the row's first token. */
  lo: Uint32Array<ArrayBuffer>;
  /** [N] place in the stream of the row's last token. */
  hi: Uint32Array<ArrayBuffer>;
  /** [N] number of the row in the batch. */
  row: Uint32Array<ArrayBuffer>;
  /** [M] place in the stream whose hidden state predicts the target. */
  targetIndex: Uint32Array<ArrayBuffer>;
  /** [M] token to be predicted. */
  targetId: Uint32Array<ArrayBuffer>;
  /** [M] number of the row in the batch. */
  targetRow: Uint32Array<ArrayBuffer>;
}

/** Rows end to end: ids [N], and a target for every label after a row's first token. */
export function pack(rows: Row[]): Packed {
  let [n, m] = [0, 0];
  for (const { ids, labels } of rows) {
    n += ids.length;
    for (let j = 1; j < labels.length; j++) if (labels[j] !== NOT_LEARNED) m++;
  }
  const stream: Packed = { n, m, ...tokenArrays(n), ...targetArrays(m) };
  let [at, t] = [0, 0];
  rows.forEach(({ ids, labels }, r) => {
    for (let j = 0; j < ids.length; j++) {
      const i = at + j;
      stream.ids[i] = ids[j];
      stream.positions[i] = j;
      stream.lo[i] = at;
      stream.hi[i] = at + ids.length - 1;
      stream.row[i] = r;
      if (j === 0 || labels[j] === NOT_LEARNED) continue;
      stream.targetIndex[t] = i - 1;
      stream.targetId[t] = labels[j];
      stream.targetRow[t++] = r;
    }
    at += ids.length;
  });
  return stream;
}

/** n rounded up to three significant bits (16, 20, 24, 28, 32, 40, ...), at least 16 and at most max. */
export function ladder(n: number, max = Number.POSITIVE_INFINITY): number {
  if (n > max) throw new Error(`expected at most ${max}, got ${n}; plan for the largest batch`);
  const step = 2 ** Math.max(2, Math.floor(Math.log2(Math.max(n, 1))) - 2);
  return Math.min(Math.max(16, Math.ceil(n / step) * step), max);
}

const tokenArrays = (n: number) => ({
  ids: new Uint32Array(n),
  positions: new Uint32Array(n),
  lo: new Uint32Array(n),
  hi: new Uint32Array(n),
  row: new Uint32Array(n),
});

const targetArrays = (m: number) => ({
  targetIndex: new Uint32Array(m),
  targetId: new Uint32Array(m),
  targetRow: new Uint32Array(m),
});
