// What a model says to many prompts, without chance: the likeliest token each time. Rows are decoded together, and told in order.

import { dispose, prepare } from '../gpu/run.ts';
import type { Report } from '../report.ts';
import { planDecoding, rowsAtOnce } from './decoding.ts';
import type { OnDevice } from './evaluate.ts';
import { generateAll } from './generate.ts';

export interface SayOptions {
  /** Longest answer, in tokens. */
  maxNewTokens: number;
  /** Ids that end a text. */
  eos: readonly number[];
  /** Rows decoded at once at most. */
  batch?: number;
}

/** The new ids of every answer, in order, the end-of-sequence id included where it came. */
export async function* sayAll(
  { gpu, decoder, planning, scope }: OnDevice,
  prompts: readonly ArrayLike<number>[],
  { maxNewTokens, eos, batch = Number.POSITIVE_INFINITY }: SayOptions,
  report: Report,
  signal?: AbortSignal,
): AsyncGenerator<number[]> {
  const capacity = prompts.reduce((n, p) => Math.max(n, p.length), 1) + maxNewTokens;
  const rows = rowsAtOnce(decoder, capacity, Math.min(batch, prompts.length), planning);
  const decoding = planDecoding(decoder, capacity, planning, rows);
  report({ kind: 'plan', program: 'decode', bytes: decoding.plan.bytes, trainable: 0, bound: false });
  const machine = await prepare(gpu, decoding.plan, scope);
  try {
    report({ kind: 'memory', program: 'decode', planned: decoding.plan.bytes.total, allocated: gpu.memory.bytes });
    const asked = prompts.map((prompt) => ({ prompt, seed: 0 }));
    yield* generateAll(machine, decoding, asked, { max_new_tokens: maxNewTokens, temperature: 0, top_p: 1, eos }, { signal });
  } finally {
    dispose(machine);
  }
}
