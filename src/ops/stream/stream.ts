// The inputs of a step: rows laid end to end in one stream of N packed tokens, and M target tokens.
// Buffers are made for the largest step; a shorter one fills their beginning.

import { resident, type Tensor } from '../../gpu/tensor.ts';

/** Resident inputs of a program over packed rows. All u32 unless said. */
export interface Stream {
  /** Token ids [N]; padding is id 0 in a row of its own. */
  ids: Tensor;
  /** Position of each token in its row [N]. */
  positions: Tensor;
  /** Index of the first key each query may see [N]: the first token of its row. */
  lo: Tensor;
  /** Index of the last key each query may see [N]: itself in packed rows, its position in a key/value cache. */
  last: Tensor;
  /** Index of the last token of each token's row [N]. */
  hi: Tensor;
  /** Index of the token whose hidden state predicts each target [M]; 0xffffffff is padding. */
  targetAt: Tensor;
  /** The id to be predicted [M]. */
  targetId: Tensor;
  /** Tokens sorted by id [N] and, for each distinct id u, `groups[2u]` = id, `groups[2u+1]` = start in `order` (deterministic scatter); one closing start. */
  order: Tensor;
  groups: Tensor;
  /** f32 scalars of a step, see SCALARS. */
  scalars: Tensor;
}

/** Tokens and targets that a stream has room for. */
export type Sizes = { N: number; M: number };

/** Places in `Stream.scalars` (f32). invTargets = 1 / targets of the whole step, lr the learning rate, ownLr that of what has
 * one of its own, tokens those of the micro-batch, pass the number of the micro-batch in the run, from which dropout makes its masks. */
export const SCALARS = { invTargets: 0, lr: 1, tokens: 2, pass: 3, ownLr: 4, count: 8 } as const;

export function newStream(N: number, M: number): Stream {
  const u32 = (name: string, n: number) => resident(name, [n], 'other', 'u32');
  return {
    ids: u32('ids', N),
    positions: u32('positions', N),
    lo: u32('lo', N),
    last: u32('last', N),
    hi: u32('hi', N),
    targetAt: u32('target_at', M),
    targetId: u32('target_id', M),
    order: u32('order', N),
    groups: u32('groups', 2 * N + 2),
    scalars: resident('scalars', [SCALARS.count], 'other'),
  };
}
