// The likeliest tokens of each row with their scores, for a search that the host leads: beams, and penalties on what was said before.

import rankedCode from '../../../shaders/ranked.wgsl?raw' with { type: 'text' };
import { type Program, run } from '../../gpu/program.ts';
import { resident, type Tensor } from '../../gpu/tensor.ts';
import { reducing } from '../elementwise/reduce.ts';

/** How tokens are ranked, and the ranks. Resident; the first two written by the host. */
export interface Ranking {
  /** A bit for each token that a row has seen [M, words], u32. */
  seen: Tensor;
  /** f32 [1]: what the score of a seen token is multiplied by where it is below 0, and else divided by. */
  penalty: Tensor;
  /** [M, K, 2], u32: ids, BROKEN where a logit of the row is not finite, and the bits of their scores. */
  best: Tensor;
}

/** Room for the K likeliest of so many rows. */
export function newRanking(rows: number, K: number, vocab_size: number): Ranking {
  return {
    seen: resident('seen', [rows, Math.ceil(vocab_size / 32)], 'other', 'u32'),
    penalty: resident('penalty', [1], 'other'),
    best: resident('best', [rows, K, 2], 'other', 'u32'),
  };
}

/** best[m] = the likeliest tokens of logits [M, V], best first, of equals the lowest id; by log-probability, or by the logits as they are. */
export function ranked(p: Program, logits: Tensor, { seen, penalty, best }: Ranking, asLog: boolean): void {
  const [M, V] = logits.shape;
  const K = best.shape[1];
  const made = reducing(p, 'ranked', [rankedCode], V);
  const params = { V, K, words: seen.shape[1], as_log: asLog ? 1 : 0 };
  run(p, made, { logits, seen, penalty, best }, params, [M], { flops: M * V * (8 + 5 * K), bytes: 4 * M * V * (2 + K) });
}
