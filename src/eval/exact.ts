// Task scoring by exact match: a model answers the prompts of rows greedily, and an answer is right where it equals the row's
// own, end included. How likely rows are without answering them is likelihood.ts.

import type { Row } from '../data/rows.ts';
import type { Gpu } from '../gpu/device.ts';
import type { Planning } from '../gpu/limits.ts';
import { dispose, prepare } from '../gpu/run.ts';
import type { Decoder } from '../models/decoder.ts';
import { planDecoding, rowsAtOnce } from './decoding.ts';
import { generateAll } from './generate.ts';

export interface Answer {
  /** Place in the rows given. */
  row: number;
  /** The new tokens, the end-of-sequence token included where it came. */
  ids: number[];
  right: boolean;
}

export interface ExactOptions {
  /** Ids that end a text. */
  eos: readonly number[];
  /** Tokens of an answer at most; left out: of the rows' longest. */
  max_new_tokens?: number;
  signal?: AbortSignal;
}

/** Answers the prompts of rows, several at once, and tells of them in order. At the signal it stops with those made. */
export async function answerRows(
  { gpu, decoder: d, planning }: { gpu: Gpu; decoder: Decoder; planning: Planning },
  rows: readonly Row[],
  { eos, max_new_tokens, signal }: ExactOptions,
  each: (answer: Answer) => void = () => {},
): Promise<Answer[]> {
  const { longest, capacity } = roomFor(rows, max_new_tokens);
  const decoding = planDecoding(d, capacity, planning, rowsAtOnce(d, capacity, rows.length, planning));
  const machine = await prepare(gpu, decoding.plan);
  const answers: Answer[] = [];
  try {
    const asked = rows.map(({ ids, promptLength }) => ({ prompt: ids.subarray(0, promptLength), seed: 0 }));
    const sampling = { max_new_tokens: longest, temperature: 0, top_p: 1, eos };
    for await (const ids of generateAll(machine, decoding, asked, sampling, { signal })) {
      const row = answers.length;
      const answer = { row, ids, right: same(ids, expectedAnswer(rows[row])) };
      answers.push(answer);
      each(answer);
    }
  } finally {
    dispose(machine);
  }
  return answers;
}

/** Positions that a model must be loaded for to answer these rows: the longest prompt may be given the longest answer. */
export function positionsToAnswer(rows: readonly Row[], max_new_tokens?: number): number {
  return roomFor(rows, max_new_tokens).capacity;
}

function roomFor(rows: readonly Row[], max_new_tokens?: number): { longest: number; capacity: number } {
  const longest = max_new_tokens ?? rows.reduce((n, r) => Math.max(n, expectedAnswer(r).length), 1);
  return { longest, capacity: rows.reduce((n, r) => Math.max(n, r.promptLength), 1) + longest };
}

/** What a row's prompt should be answered with. */
export function expectedAnswer({ ids, promptLength }: Row): Int32Array {
  return ids.subarray(promptLength);
}

function same(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  return a.length === b.length && Array.from(a).every((x, i) => x === b[i]);
}
