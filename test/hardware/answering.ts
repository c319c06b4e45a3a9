// Everything that answers, planned as it comes: one row and several at once, a server's with what it tells of tokens, a search by beams,
// likelihoods of rows. No test in here.
import { planDecoding } from '../../src/eval/decoding.ts';
import { planLikelihood } from '../../src/eval/likelihood.ts';
import { planSearch } from '../../src/eval/search.ts';
import { planServing } from '../../src/eval/serving.ts';
import type { Planning } from '../../src/gpu/limits.ts';
import type { Plan } from '../../src/gpu/plan.ts';
import type { Decoder } from '../../src/models/decoder.ts';

/** As many as any option lets there be: rows at once, and next tokens of each that are looked at. */
const ROWS = 8;
const CANDIDATES = 8 * 3;

/** The plans of all of it for rows of at most `capacity` tokens. */
export function answering(d: Decoder, capacity: number, planning: Planning): Plan[] {
  const served = { name: 'base', on() {}, off() {} };
  return [
    ...[1, ROWS].map((rows) => planDecoding(d, capacity, planning, rows).plan),
    planServing(d, [served], capacity, planning).plan,
    ...[true, false].map((asLog) => planSearch(d, { rows: ROWS, capacity, K: CANDIDATES, asLog }, planning).plan),
    planLikelihood(d, { N: ROWS * capacity, M: ROWS * (capacity - 1) }, planning).plan,
  ];
}
