// What a model says to many prompts, without chance: the likeliest token each time, or the likeliest answer of several beams. Rows are
// decoded together, and told in order.

import type { Plan } from '../gpu/plan.ts';
import { dispose, type Machine, prepare } from '../gpu/run.ts';
import type { Report } from '../report.ts';
import { candidates, searchAll } from './beams.ts';
import { planDecoding, rowsAtOnce } from './decoding.ts';
import type { OnDevice } from './evaluate.ts';
import { generateAll } from './generate.ts';
import { planSearch } from './search.ts';

export interface SayOptions {
  /** Longest answer, in tokens. */
  maxNewTokens: number;
  /** Ids that end a text. */
  eos: readonly number[];
  /** Rows decoded at once at most. */
  batch?: number;
  /** Answers that are followed at once; 1 where absent. */
  beams?: number;
  /** As transformers' repetition_penalty; 1 where absent. */
  repetitionPenalty?: number;
}

/** The new ids of every answer, in order, the end-of-sequence id included where it came. */
export async function* sayAll(
  on: OnDevice,
  prompts: readonly ArrayLike<number>[],
  o: SayOptions,
  report: Report,
  signal?: AbortSignal,
): AsyncGenerator<number[]> {
  const { gpu, scope } = on;
  const made = (o.beams ?? 1) > 1 || (o.repetitionPenalty ?? 1) !== 1 ? searching(on, prompts, o) : greedy(on, prompts, o);
  report({ kind: 'plan', program: 'decode', bytes: made.plan.bytes, trainable: 0, bound: false });
  const machine = await prepare(gpu, made.plan, scope);
  try {
    report({ kind: 'memory', program: 'decode', planned: made.plan.bytes.total, allocated: gpu.memory.bytes });
    yield* made.say(machine, signal);
  } finally {
    dispose(machine);
  }
}

interface Saying {
  plan: Plan;
  say(m: Machine, signal?: AbortSignal): AsyncGenerator<number[]>;
}

const capacityOf = (prompts: readonly ArrayLike<number>[], { maxNewTokens }: SayOptions) =>
  prompts.reduce((n, p) => Math.max(n, p.length), 1) + maxNewTokens;

function greedy({ decoder, planning }: OnDevice, prompts: readonly ArrayLike<number>[], o: SayOptions): Saying {
  const capacity = capacityOf(prompts, o);
  const rows = rowsAtOnce(decoder, capacity, Math.min(o.batch ?? prompts.length, prompts.length), planning);
  const decoding = planDecoding(decoder, capacity, planning, rows);
  const asked = prompts.map((prompt) => ({ prompt, seed: 0 }));
  const sampling = { max_new_tokens: o.maxNewTokens, temperature: 0, top_p: 1, eos: o.eos };
  return { plan: decoding.plan, say: (m, signal) => generateAll(m, decoding, asked, sampling, { signal }) };
}

/** As many prompts at once as have a row for each of their beams. */
function searching({ decoder, planning }: OnDevice, prompts: readonly ArrayLike<number>[], o: SayOptions): Saying {
  const { beams = 1, repetitionPenalty = 1, maxNewTokens, eos, batch = prompts.length } = o;
  const capacity = capacityOf(prompts, o);
  const count = Math.min(batch, prompts.length) * beams;
  const groups = Math.max(1, Math.floor(rowsAtOnce(decoder, capacity, count, planning) / beams));
  const of = { beams, repetitionPenalty, maxNewTokens, eos };
  const search = planSearch(decoder, { rows: groups * beams, capacity, K: candidates(of), asLog: beams > 1 }, planning);
  return { plan: search.plan, say: (m, signal) => searchAll(m, search, prompts, of, signal) };
}
