// The next token of each row, chosen on the device, and the row's going on by it: the host need not know it to have the next one made.

import advanceCode from '../../../shaders/advance.wgsl?raw' with { type: 'text' };
import chooseCode from '../../../shaders/choose.wgsl?raw' with { type: 'text' };
import reduce from '../../../shaders/reduce.wgsl?raw' with { type: 'text' };
import { kernel, type Program, run } from '../../gpu/program.ts';
import { resident, type Tensor } from '../../gpu/tensor.ts';
import { workgroups } from '../elementwise/lanes.ts';

/** How tokens are chosen. Resident, written by the host. */
export interface Choosing {
  /** temperature and top_p of each row [M, 2], f32: at 0 the likeliest is taken. */
  sampling: Tensor;
  /** What the draws of each row are made of, beside its position [M], u32. */
  seeds: Tensor;
  /** The chosen ids [M], u32; BROKEN where logits are not finite. */
  chosen: Tensor;
}

/** In the place of a chosen id: a logit of the row is not finite. */
export const BROKEN = 0xffffffff;

export function newChoosing(rows: number): Choosing {
  return {
    sampling: resident('sampling', [rows, 2], 'other'),
    seeds: resident('seeds', [rows], 'other', 'u32'),
    chosen: resident('chosen', [rows], 'other', 'u32'),
  };
}

/**
 * chosen[m] = a token by logits [M, V]: the likeliest (the lowest id of equals), or one drawn from the likeliest that together make up
 * top_p, by exp(logit / temperature), as its row's sampling says. Tokens as likely as the last of them belong to them. A draw is made of the row's seed and of
 * positions[tokenAt[m]]. Not an op of training: nothing flows back.
 */
export function choose(
  p: Program,
  logits: Tensor,
  { sampling, seeds, chosen }: Choosing,
  { tokenAt, positions }: { tokenAt: Tensor; positions: Tensor },
): void {
  const [M, V] = logits.shape;
  const made = kernel('choose', [reduce, chooseCode], { WIDTH: p.planning.software ? 64 : 256 });
  run(p, made, { logits, token_at: tokenAt, positions, seeds, sampling, chosen }, { V }, [M], { bytes: 4 * M * V });
}

/** Rows that are decoded, a token each [N], u32: its id, its position, and the first and last place that it sees in the cache. */
export interface DecodedRows {
  ids: Tensor;
  positions: Tensor;
  lo: Tensor;
  last: Tensor;
}

/** Each of N rows goes on by its chosen token, one place further on; one that has filled its `capacity` places stays on its last. */
export function advance(
  p: Program,
  chosen: Tensor,
  { ids, positions, lo, last }: DecodedRows,
  N: number,
  capacity: number,
): void {
  const made = kernel('advance', [advanceCode]);
  run(p, made, { chosen, lo, ids, positions, last }, { N, capacity }, [workgroups(N)]);
}
