// A run on one's own model and data as a story, in the worker: load, answer as the base does, tune, answer again. And what follows it:
// a question, the files of the result.

import { tuneOptions } from '../../../src/commands/settings.ts';
import { withDefaults } from '../../../src/options/table.ts';
import {
  type Attached,
  answerPrompts,
  baseOf,
  type CheckpointOptions,
  endsOf,
  type Life,
  type Line,
  logprobsOf,
  longestOf,
  lossOf,
  type Model,
  NOT_LEARNED,
  type Prompt,
  positionsFor,
  promptIds,
  putOn,
  type Report,
  type Row,
  speller,
  survive,
  takeOff,
  tune,
} from '../../../src/parts.ts';
import { goingOn, keptIn } from '../../keep.ts';
import type { AdapterFile } from '../../protocol.ts';
import { filesOf } from '../../result.ts';
import type { Asked, Finished, Piece, Reply, RunAsked } from '../calls.ts';
import { keepAdapter, withAdapter } from './adapters.ts';
import { type Bench, dataOf, modelOf } from './bench.ts';
import { askable, freshModel, knowing, ROOM } from './device.ts';
import { knownMs, methodOn, watching } from './scored.ts';

/** Tokens of an answer at most. */
const LONGEST_ANSWER = 64;

/** What stops a run and holds it. */
export interface Controls {
  signal: AbortSignal;
  hold: () => Promise<void> | undefined;
}

/** What is around one life of a run. */
interface Around extends Controls {
  life: Life;
  checkpoints?: CheckpointOptions;
}

/** The whole run, on the model as it is stored: a second run starts where the first did. */
export async function trainOwn(b: Bench, asked: RunAsked, controls: Controls): Promise<Finished> {
  const checkpoints = asked.within === undefined ? await keptIn('own', asked.resume) : undefined;
  return survive((life) => knowing(b, () => trainOn(b, asked, { ...controls, checkpoints, life })), b.tell);
}

async function trainOn(b: Bench, { o: given, number, prompts: count, within }: RunAsked, around: Around): Promise<Finished> {
  const { signal, hold, checkpoints, life } = around;
  const o = withDefaults(given);
  const { rows, held } = dataOf(b);
  const method = methodOn(b, o);
  const exam = examOf(held?.length ? held : rows, count);
  const needed = Math.max(longestOf(rows, held) + ROOM, positionsFor(exam.prompts, exam.longest));
  const model = await freshModel(b, o, method, needed, life);
  if (exam.prompts.length)
    b.tell({ kind: 'prompts', prompts: exam.prompts.map((_, i) => wordsOf(b, exam.rows[i], exam.prompts[i])) });
  await answer(b, model, exam, 'before', signal);
  const clock = clockOf(knownMs(b, o), within, life.report);
  const { watch, report } = watching(b, o, clock.report);
  const stop = AbortSignal.any([signal, clock.spent]);
  const settings = { ...tuneOptions(o, method), explain: true, hold, life, checkpoints, ...watch, ...goingOn(b.tell) };
  if (!signal.aborted) b.tuned = { ...(await tune(model, { rows, held }, settings, report, stop)), given };
  const { tuned } = b;
  if (tuned?.made && tuned.steps > 0) {
    await keepAdapter(b, number);
    if (!signal.aborted) await answer(b, model, exam, 'after', signal);
  }
  const { steps = 0, seconds = 0, inputTokens = 0 } = tuned ?? {};
  const warmup_seconds = clock.warmupMs() / 1000;
  return { steps, seconds, warmup_seconds, input_tokens: inputTokens, model: method.movesBase, stopped: signal.aborted };
}

/** Adds up what warm-up and steps take, from what the warm-up took where its scores were known, and says when `within` seconds are spent. */
function clockOf(known: number, within = Number.POSITIVE_INFINITY, listener: Report) {
  const spent = new AbortController();
  let [warmup, steps] = [known, 0];
  return {
    spent: spent.signal,
    warmupMs: () => warmup,
    report(line: Line) {
      if (line.kind === 'warmup') warmup += line.ms;
      if (line.kind === 'step') steps += line.ms;
      if (warmup + steps >= 1000 * within) spent.abort();
      listener(line);
    },
  };
}

/** The files of what the last run made, with its receipt. */
export async function resultOf(b: Bench): Promise<AdapterFile[]> {
  const { loaded, tuned } = b;
  if (!loaded || !tuned?.made) throw new Error('expected a run that trained something, got none: start one first.');
  return filesOf(loaded.model, tuned, tuned.given);
}

/**
 * A prompt answered by the base and, where a run has ended or an adapter is open, as that tunes it; where the base itself has moved, by
 * that alone.
 */
export async function askOwn(b: Bench, asked: Asked, { signal }: Pick<Controls, 'signal'>): Promise<Reply> {
  const { prompt, chat, off, by, temperature, seed } = asked;
  const model = await askable(b);
  const ids = await promptIds(modelOf(b), prompt, chat);
  const room = b.loaded!.positions - 1 - ids.length;
  if (ids.length < 1 || room < 1)
    throw new Error(`expected a prompt of 1 to ${b.loaded!.positions - 2} tokens, got ${ids.length}: shorten it.`);
  // told as it grows, and kept as far as it goes where it is stopped
  const reply = async (as: (text: string) => Partial<Reply>) => {
    const said: number[] = [];
    const text = () => modelOf(b).tokenizer.decode(said, { skip_special: true }).trim();
    const each = (_: number, id: number) => {
      said.push(id);
      b.tell({ kind: 'saying', reply: as(text()) });
    };
    const how = { maxNewTokens: Math.min(room, LONGEST_ANSWER), temperature, seed };
    await answers(b, model, [{ index: 0, ids }], how, () => {}, signal, each);
    return { text: text(), pieces: await piecesOf(b, model, ids, said) };
  };
  const attached = b.tuned?.made?.attached;
  const after = () => reply((text) => ({ after: text }));
  const tuned = by !== null ? await withAdapter(b, model, by, after) : attached && (await after());
  const without =
    by === null && attached && off.length && !signal.aborted ? await answerWithout(b, model, attached, off, reply) : undefined;
  const whole = { prompt, before: null, after: tuned?.text ?? null, without, pieces: { after: tuned?.pieces } };
  if (signal.aborted || (attached && model.moved)) return whole;
  try {
    if (attached) takeOff(attached); // the base is the same weights without what was trained beside them
    const base = await reply((text) => ({ before: text }));
    return { ...whole, before: base.text, pieces: { before: base.pieces, after: tuned?.pieces } };
  } finally {
    if (attached) putOn(attached);
  }
}

/** An answer in pieces, each with the probability of its token by the model as it stands; without spaces around the whole. */
async function piecesOf(b: Bench, model: Model, prompt: ArrayLike<number>, said: readonly number[]): Promise<Piece[]> {
  if (!said.length) return [];
  const ids = Int32Array.from([...Array.from(prompt), ...said]);
  const labels = ids.map((id, i) => (i < prompt.length ? NOT_LEARNED : id));
  const nats = await logprobsOf(model, [{ ids, labels, promptLength: prompt.length }]);
  const spell = speller(modelOf(b).tokenizer, prompt);
  const pieces = said.map((id, i): Piece => [spell.next(id), Math.exp(nats[i])]);
  return pieces.filter(([text]) => text !== '');
}

/** The answer and the held-out loss without some blocks, which are put back to the bit whatever happens. */
async function answerWithout(
  b: Bench,
  model: Model,
  attached: Attached,
  off: Asked['off'],
  reply: (as: (text: string) => Partial<Reply>) => Promise<{ text: string }>,
) {
  const { held } = dataOf(b);
  const loss = async () => (held?.length ? (await lossOf(model, held, withDefaults({}).batch)).loss : null);
  const all = await loss();
  const undo = await attached.without?.(baseOf(model), off);
  try {
    const without = await loss();
    const { text } = await reply((text) => ({ without: { text, loss: null } }));
    return { text, loss: all !== null && without !== null ? { all, without } : null };
  } finally {
    undo?.();
  }
}

/** Rows whose prompts are asked, with as many tokens to answer as the longest of their answers. */
interface Exam {
  rows: Row[];
  prompts: Prompt[];
  longest: number;
}

function examOf(rows: readonly Row[], count: number): Exam {
  const asked = rows.filter(({ ids }) => ids.length > 1).slice(0, count);
  const prompts = asked.map((row, index) => ({ index, ids: row.ids.subarray(0, promptLength(row)) }));
  const longest = asked.reduce((n, row, i) => Math.max(n, row.ids.length - prompts[i].ids.length), 1);
  return { rows: asked, prompts, longest: Math.min(longest, LONGEST_ANSWER) };
}

/** Of a row that is learned from its start the first third is asked. */
const promptLength = ({ ids, promptLength: n }: Row) => (n > 1 ? n : Math.max(1, Math.floor(ids.length / 3)));

async function answer(b: Bench, model: Model, { prompts, longest }: Exam, when: 'before' | 'after', signal: AbortSignal) {
  if (!prompts.length || signal.aborted) return;
  b.tell({ kind: 'asking', when, total: prompts.length });
  const how = { maxNewTokens: longest, temperature: 0, seed: 0 };
  await answers(b, model, prompts, how, (index, text) => b.tell({ kind: 'answered', when, index, text }), signal);
}

function answers(
  b: Bench,
  model: Model,
  prompts: Prompt[],
  how: { maxNewTokens: number; temperature: number; seed: number },
  answered: (index: number, text: string) => void,
  signal: AbortSignal,
  each?: (prompt: number, id: number) => void,
) {
  const opened = modelOf(b);
  const options = { ...how, topP: 1, eos: endsOf(opened) };
  return answerPrompts(
    model,
    opened.tokenizer,
    prompts,
    options,
    (line) => line.kind === 'generation' && answered(line.index, line.text.trim()),
    signal,
    each,
  );
}

function wordsOf(b: Bench, row: Row, { ids }: Prompt): { prompt: string; expected: string } {
  const text = (of: ArrayLike<number>) => modelOf(b).tokenizer.decode(of, { skip_special: true }).trim();
  return { prompt: text(ids), expected: text(row.ids.subarray(ids.length)) };
}
