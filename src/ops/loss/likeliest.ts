// What rows of logits say of tokens: the log-probability of one, and the likeliest with theirs. Not an op of training: nothing flows back.

import code from '../../../shaders/likeliest.wgsl?raw' with { type: 'text' };
import { type Program, run } from '../../gpu/program.ts';
import type { Tensor } from '../../gpu/tensor.ts';
import { lanesOf } from '../elementwise/lanes.ts';
import { reducing } from '../elementwise/reduce.ts';

/** In the place of a row's id: a logit of the row is not finite. */
export const BROKEN_ROW = 0xffffffff;

/** Numbers of a row of `told` with room for so many tokens beside its own. */
export const toldWidth = (most: number) => 2 + 2 * most;

/**
 * told[row0 + r] = ids[row0 + r] with log softmax(logits[r]) of it, then the `wanted` likeliest ids with theirs, best first, the lowest id
 * of equals first: u32 [M, width], floats by their bits. logits: m rows [., V]. The float of an id is the same wherever it stands.
 */
export function likeliest(
  p: Program,
  logits: Tensor,
  { ids, told, row0, m, wanted }: { ids: Tensor; told: Tensor; row0: number; m: number; wanted: number },
): void {
  const V = logits.shape[1];
  const { part, per } = lanesOf(V);
  const k = reducing(p, 'likeliest', [part, code], V / per);
  const params = { vocabulary: V / per, row0, wanted: Math.min(wanted, V), ld: told.shape[1] };
  run(p, k, { logits, ids, told }, params, [m], { flops: m * V * (12 + wanted), bytes: 4 * m * V });
}
