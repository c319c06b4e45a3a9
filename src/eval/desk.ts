// The desk at which a served model is asked: prompts to be scored and prompts to be answered come at any time, from several at once, for
// the base or an adapter. They take turns, are put on the device together, and leave when they are done or nobody waits any longer.

import { ladder } from '../data/pack.ts';
import { type Machine, readback, replay } from '../gpu/run.ts';
import { feed, type PackedRows } from '../models/inputs.ts';
import { BROKEN } from '../ops/stream/choose.ts';
import { type Fair, newFair, put, sift, take } from './fair.ts';
import { type Answering, brokenLogits, goOn, type Row, readPrompts } from './generate.ts';
import { MOST_TOLD, programOf, type Serving } from './serving.ts';

/** A token with its log-probability, and the likeliest of its place, best first. */
export interface Told {
  id: number;
  logprob: number;
  top: [id: number, logprob: number][];
}

/** What is asked of a model: how many of the likeliest are told of each token; who waits no longer aborts the signal. */
interface Asked {
  model: string;
  ids: ArrayLike<number>;
  wanted: number;
  signal: AbortSignal;
}

/** An answer: what its draws are made of, how long it may be, and who takes its tokens; one that returns true ends it. */
export interface AskedAnswer extends Asked {
  seed: number;
  temperature: number;
  top_p: number;
  most: number;
  each(token: Told): boolean;
}

/** What was asked, and who waits for it. */
interface Waiting<A extends Asked, T> {
  asked: A;
  done(result: T): void;
  fail(e: unknown): void;
}

type Scoring = Waiting<Asked, Told[]>;
type Answer = Waiting<AskedAnswer, void>;
interface ServedRow extends Row {
  of: Answer;
}

export interface Desk {
  machine: Machine;
  serving: Serving;
  /** Ids that end a text. */
  eos: readonly number[];
  scores: Fair<Scoring>;
  answers: Fair<Answer>;
  /** Rows that are being answered, and slots of the caches that are free. */
  going: ServedRow[];
  free: number[];
  /** Called where something is there to do. */
  knock(): void;
  closed: boolean;
  /** Resolves when the desk was closed; rejects where the device fails, and then nothing is answered any more. */
  ended: Promise<void>;
}

/** Opens the desk of a machine that was prepared for what is served. */
export function openDesk(machine: Machine, serving: Serving, eos: readonly number[]): Desk {
  const free = Array.from({ length: serving.decoding.rows }, (_, slot) => slot);
  const desk: Desk = {
    ...{ machine, serving, eos, free, scores: newFair(), answers: newFair(), going: [], closed: false },
    knock: () => {},
    ended: Promise.resolve(),
  };
  desk.ended = work(desk);
  return desk;
}

/** Closes it: whoever still waits is told so. Resolves when the device is at rest. */
export async function closeDesk(desk: Desk): Promise<void> {
  desk.closed = true;
  desk.knock();
  await desk.ended.catch(() => {});
}

/**
 * Of each token of a row what is told of the one after it, and last of the likeliest that would follow. who: a name or object by which
 * those who ask take turns.
 */
export function scoreRow(desk: Desk, who: unknown, asked: Asked): Promise<Told[]> {
  return ask(desk, desk.scores, who, asked);
}

/** Answers a row; its tokens are taken as they come. */
export function answerRow(desk: Desk, who: unknown, asked: AskedAnswer): Promise<void> {
  return ask(desk, desk.answers, who, asked);
}

function ask<A extends Asked, T>(desk: Desk, queue: Fair<Waiting<A, T>>, who: unknown, asked: A): Promise<T> {
  return new Promise((done, fail) => {
    if (desk.closed) return fail(closedDesk());
    asked.signal.addEventListener('abort', () => fail(asked.signal.reason), { once: true });
    if (asked.signal.aborted) return fail(asked.signal.reason);
    put(queue, who, { asked, done, fail });
    desk.knock();
  });
}

const closedDesk = () => new Error('expected a server that is running, got one that is ending.');
const waits = ({ asked }: { asked: Asked }) => !asked.signal.aborted;

// --- turns --------------------------------------------------------------------------------------------------------------

async function work(desk: Desk): Promise<void> {
  try {
    while (!desk.closed) {
      if (desk.machine.gpu.limits.software) await heard(desk);
      sift(desk.scores, waits);
      sift(desk.answers, waits);
      if (!desk.scores.size && !desk.answers.size && !desk.going.length) {
        await new Promise<void>((knock) => (desk.knock = knock));
        continue;
      }
      await admit(desk);
      await scoreSome(desk);
      await goOnAll(desk);
    }
    refuse(desk, closedDesk());
  } catch (e) {
    desk.closed = true;
    refuse(desk, e);
    throw e;
  }
}

/** Lets those be heard who ask meanwhile: a software adapter computes on the thread that reads their sockets. */
async function heard({ scores, answers }: Desk): Promise<void> {
  for (let [before, now] = [-1, 0]; now > before; now = scores.size + answers.size) {
    before = now;
    await new Promise<void>((turn) => setTimeout(turn));
  }
}

function refuse(desk: Desk, e: unknown): void {
  for (const row of desk.going) row.of.fail(e);
  for (const queue of [desk.scores, desk.answers]) for (const all of queue.values()) for (const { fail } of all) fail(e);
  desk.scores.clear();
  desk.answers.clear();
  desk.going = [];
}

/** Gives free slots to those who wait, as many as there is a piece of prompts for, and reads their prompts. */
async function admit(desk: Desk): Promise<void> {
  let room = desk.serving.decoding.piece;
  const fresh: ServedRow[] = [];
  while (desk.free.length && room > 0) {
    const of = take(desk.answers);
    if (!of) break;
    const { ids: prompt, seed, temperature, top_p, most } = of.asked;
    fresh.push({ of, slot: desk.free.shift()!, prompt, seed, temperature, top_p, most, ids: [], ended: false });
    room -= prompt.length;
  }
  for (const [model, rows] of byModel(fresh))
    await readPrompts(
      answering(desk, model, rows, () => false),
      rows,
    );
  desk.going.push(...fresh);
  leave(desk);
}

/** A token, or some, of every row; of several models one after the other. */
async function goOnAll(desk: Desk): Promise<void> {
  const groups = byModel(desk.going);
  for (const [model, rows] of groups) {
    let made = 0;
    const called = () =>
      desk.closed || groups.size > 1 || desk.scores.size > 0 || (desk.free.length > 0 && desk.answers.size > 0);
    const a = answering(desk, model, rows, () => made > 0 && called());
    const counted: typeof a.take = (...token) => {
      made++;
      a.take(...token);
    };
    await goOn({ ...a, take: counted }, rows);
  }
  leave(desk);
}

function answering(
  { machine, serving, eos }: Desk,
  model: string,
  rows: ServedRow[],
  paused: () => boolean,
): Answering<ServedRow> {
  return {
    ...{ m: machine, d: serving.decoding, as: programOf(model), paused },
    wanted: rows.reduce((n, { of }) => Math.max(n, of.asked.wanted), 0),
    take(row, id, numbers) {
      if (row.of.asked.signal.aborted) row.ended = true;
      else if (id === BROKEN) {
        row.of.fail(brokenLogits());
        row.ended = true;
      } else {
        row.ids.push(id);
        const enough = row.of.asked.each(toldOf(numbers, row.of.asked.wanted));
        row.ended = enough || eos.includes(id) || row.ids.length === row.most;
      }
    },
  };
}

/** Rows that have ended, or that nobody waits for, make room. */
function leave(desk: Desk): void {
  for (const { of, slot, ended } of desk.going) {
    if (!ended && waits(of)) continue;
    desk.free.push(slot);
    of.done();
  }
  desk.going = desk.going.filter(({ of, ended }) => !ended && waits(of));
}

function byModel(rows: ServedRow[]): Map<string, ServedRow[]> {
  const groups = new Map<string, ServedRow[]>();
  for (const row of rows) groups.set(row.of.asked.model, [...(groups.get(row.of.asked.model) ?? []), row]);
  return groups;
}

// --- scores -------------------------------------------------------------------------------------------------------------

/** Scores what waits, as many rows of one model as there is room for. */
async function scoreSome({ machine: m, serving, scores }: Desk): Promise<void> {
  const { stream, told, room } = serving.scoring;
  const some: Scoring[] = [];
  let n = 0;
  const fits = ({ asked }: Scoring) => asked.model === (some[0]?.asked.model ?? asked.model) && n + asked.ids.length <= room;
  for (let next = take(scores, fits); next; next = take(scores, fits)) {
    some.push(next);
    n += next.asked.ids.length;
  }
  if (!some.length) return;
  const N = ladder(n, room);
  const most = some.reduce((n, { asked }) => Math.max(n, asked.wanted), 1);
  feed(m.gpu.memory, stream, packed(some.map(({ asked }) => asked.ids)), N, N, false);
  const name = programOf(some[0].asked.model)('score');
  replay(m, name, { N, M: N, wanted: most === 1 ? 1 : MOST_TOLD.prompt });
  const numbers = new Uint32Array((await readback(m, name)).buffer);
  const width = told.shape[1];
  let at = 0;
  for (const { asked, done, fail } of some) {
    const { ids, wanted } = asked;
    const all = Array.from(ids, (_, i) => toldOf(numbers.subarray((at + i) * width, (at + i + 1) * width), Math.max(1, wanted)));
    at += ids.length;
    if (all.some(({ id }) => id === BROKEN)) fail(brokenLogits());
    else done(all);
  }
}

/** Rows end to end; the target of every token is the one after it, of a row's last one none that counts. */
function packed(rows: ArrayLike<number>[]): PackedRows {
  const n = rows.reduce((sum, ids) => sum + ids.length, 0);
  const u32 = () => new Uint32Array(n);
  const of = { ids: u32(), positions: u32(), lo: u32(), hi: u32(), targetIndex: u32(), targetId: u32() };
  let lo = 0;
  for (const ids of rows) {
    for (let j = 0; j < ids.length; j++) {
      const i = lo + j;
      of.ids[i] = ids[j];
      of.positions[i] = j;
      of.lo[i] = lo;
      of.hi[i] = lo + ids.length - 1;
      of.targetIndex[i] = i;
      of.targetId[i] = ids[j + 1] ?? 0;
    }
    lo += ids.length;
  }
  return { n, m: n, ...of };
}

/** Numbers of the device as a token and the likeliest. */
function toldOf(numbers: Uint32Array, wanted: number): Told {
  const floats = new Float32Array(numbers.buffer, numbers.byteOffset, numbers.length);
  const top = Array.from({ length: wanted }, (_, k): [number, number] => [numbers[2 + 2 * k], floats[3 + 2 * k]]);
  return { id: numbers[0], logprob: floats[1], top };
}
