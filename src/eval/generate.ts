// Text from a model: prompts are read into the cache, then all rows go on together, one token a step; where one ends, the next prompt takes
// its place. What a row says does not depend on what is beside it.

import { ladder } from '../data/pack.ts';
import { type Machine, readback, replay } from '../gpu/run.ts';
import { type Tensor, write } from '../gpu/tensor.ts';
import { BROKEN } from '../ops/stream/choose.ts';
import { type Decoding, TILE } from './decoding.ts';

/** What to go on from, and what the draws of the answer are made of. */
export interface Asked {
  prompt: ArrayLike<number>;
  seed: number;
}

export interface Sampling {
  max_new_tokens: number;
  /** 0 takes the likeliest token. */
  temperature: number;
  /** Drawn from the likeliest tokens that together make up this share. */
  top_p: number;
  /** Ids that end a text. */
  eos: readonly number[];
}

/** A row that is being answered: its slot of the cache, and what it says so far. */
export interface Row extends Asked {
  slot: number;
  temperature: number;
  top_p: number;
  /** Tokens of the answer at most. */
  most: number;
  ids: number[];
  ended: boolean;
}

/** Tokens made ahead of what the host has seen: a GPU need not wait for it, a software adapter would only make what is thrown away. */
export const AHEAD = { software: 0, hardware: 2 };

/** A machine that answers, and what becomes of every token. R: the rows, with what else is known of them. */
export interface Answering<R extends Row> {
  m: Machine;
  d: Omit<Decoding, 'plan'>;
  /** The name of a program, where those of several models are planned together. */
  as?(name: string): string;
  /** Tokens told of beside each row's own, where any are. */
  wanted?: number;
  /** Whether all rows are to stop for now, asked after every token. */
  paused(): boolean;
  /** told: what the device tells of the token, in numbers as ops/loss/likeliest.ts has them; its id alone where no more is planned. */
  take(row: R, id: number, told: Uint32Array): void;
}

/**
 * The new ids of every answer in the order asked, the end-of-sequence id included where it came; at the signal it ends. `each` hears of
 * every token as it comes. One of a machine at a time.
 */
export async function* generateAll(
  m: Machine,
  d: Decoding,
  all: readonly Asked[],
  o: Sampling,
  { each = () => {}, signal }: { each?: (asked: number, id: number) => void; signal?: AbortSignal } = {},
): AsyncGenerator<number[]> {
  type Numbered = Row & { asked: number };
  const { max_new_tokens: most, temperature, top_p } = o;
  for (const { prompt } of all) checkRoom(d, prompt.length, most);
  const take = (row: Numbered, id: number) => {
    if (id === BROKEN) throw brokenLogits();
    row.ids.push(id);
    row.ended = o.eos.includes(id) || row.ids.length === most;
    each(row.asked, id);
  };
  const answering: Answering<Numbered> = { m, d, take, paused: () => signal?.aborted ?? false };
  const free = Array.from({ length: d.rows }, (_, slot) => slot);
  const made: number[][] = [];
  let going: Numbered[] = [];
  for (let [next, told] = [0, 0]; told < all.length && !signal?.aborted; ) {
    const fresh: Numbered[] = [];
    while (free.length && next < all.length)
      fresh.push({ asked: next, slot: free.shift()!, ...all[next++], temperature, top_p, most, ids: [], ended: false });
    await readPrompts(answering, fresh);
    going.push(...fresh);
    await goOn(answering, going);
    for (const { asked, slot, ids } of going.filter((row) => row.ended)) {
      made[asked] = ids;
      free.push(slot);
    }
    going = going.filter((row) => !row.ended);
    for (; made[told] && !signal?.aborted; told++) yield made[told];
  }
}

/** The new ids after one prompt. */
export async function generate(m: Machine, d: Decoding, asked: Asked, o: Sampling): Promise<number[]> {
  for await (const ids of generateAll(m, d, [asked], o)) return ids;
  return [];
}

export const brokenLogits = () => new Error('expected finite logits, got others: the model or the adapter is broken.');

function checkRoom({ capacity }: Decoding, prompt: number, room: number): void {
  if (room < 1 || prompt < 1 || prompt + room > capacity)
    throw new Error(
      `expected a prompt and an answer of at least a token each and ${capacity} together, got a prompt of ${prompt} and ` +
        `an answer of at most ${room}: shorten one of them, or plan for more.`,
    );
}

const put = ({ gpu }: Machine, t: Tensor, values: ArrayLike<number>) => write(gpu.memory, t, Uint32Array.from(values));

/** What each row of a program draws by. */
function putSampling(m: Machine, { choosing }: Pick<Decoding, 'choosing'>, rows: readonly Row[]): void {
  put(
    m,
    choosing.seeds,
    rows.map(({ seed }) => seed),
  );
  write(m.gpu.memory, choosing.sampling, Float32Array.from(rows.flatMap(({ temperature, top_p }) => [temperature, top_p])));
}

/** Runs a program over rows; of each what is told of its token, its id first. */
async function chosenBy(m: Machine, program: string, { told }: Pick<Decoding, 'told'>): Promise<(row: number) => Uint32Array> {
  const all = new Uint32Array((await readback(m, program)).buffer);
  const width = told?.shape[1] ?? 1;
  return (row) => all.subarray(row * width, (row + 1) * width);
}

// --- prompts ------------------------------------------------------------------------------------------------------------

/** Tokens from..from + count of a row's prompt, at `at` in a piece. */
interface Segment<R> {
  row: R;
  from: number;
  count: number;
  at: number;
}

/** Reads prompts into the cache, as many as a piece has room for at a time, and takes the first token of each answer. */
export async function readPrompts<R extends Row>(a: Answering<R>, rows: readonly R[]): Promise<void> {
  for (const piece of piecesOf(rows, a.d.piece)) {
    if (a.paused()) return;
    await readPiece(a, piece);
  }
}

/** Prompts cut into pieces; in a piece every row begins at a whole tile. */
function piecesOf<R extends Row>(rows: readonly R[], room: number): Segment<R>[][] {
  const pieces: Segment<R>[][] = [[]];
  let at = 0;
  for (const row of rows)
    for (let from = 0; from < row.prompt.length; ) {
      at = TILE * Math.ceil(at / TILE);
      if (at >= room) {
        pieces.push([]);
        at = 0;
      }
      const count = Math.min(row.prompt.length - from, room - at);
      pieces.at(-1)!.push({ row, from, count, at });
      from += count;
      at += count;
    }
  return pieces.filter((piece) => piece.length);
}

async function readPiece<R extends Row>(a: Answering<R>, piece: Segment<R>[]): Promise<void> {
  const { m, d, as = same, wanted = 0, take } = a;
  const { prompts: s, capacity } = d;
  const { at, count } = piece.at(-1)!;
  const N = ladder(at + count, d.piece);
  // What is not filled repeats the token before it, in the same place: it writes once more what is there.
  const tokens = Array.from({ length: N }, (_, i) => {
    const { row, from, count, at } = piece.findLast((segment) => segment.at <= i)!;
    const position = from + Math.min(i - at, count - 1);
    return { id: row.prompt[position], position, lo: row.slot * capacity };
  });
  put(
    m,
    s.ids,
    tokens.map((t) => t.id),
  );
  put(
    m,
    s.positions,
    tokens.map((t) => t.position),
  );
  put(
    m,
    s.lo,
    tokens.map((t) => t.lo),
  );
  put(
    m,
    s.last,
    tokens.map((t) => t.lo + t.position),
  );
  const ends = piece.filter(({ row, from, count }) => from + count === row.prompt.length);
  const M = Math.max(1, ends.length); // a piece without an end chooses for nobody
  put(m, s.targetAt, ends.length ? ends.map(({ at, count }) => at + count - 1) : [0]);
  putSampling(
    m,
    d,
    ends.map(({ row }) => row),
  );
  replay(m, as('prefill'), dimsOf(d, N, M, wanted));
  if (!ends.length) return;
  const told = await chosenBy(m, as('prefill'), d);
  ends.forEach(({ row }, i) => take(row, told(i)[0], told(i)));
}

// --- answers ------------------------------------------------------------------------------------------------------------

/** Makes tokens of all rows until one has ended, or they are to pause. */
export async function goOn<R extends Row>(a: Answering<R>, rows: readonly R[]): Promise<void> {
  const { m, d, as = same, wanted = 0, paused, take } = a;
  const ended = () => paused() || rows.some((row) => row.ended);
  if (ended()) return;
  const { next: s, capacity } = d;
  const N = rows.length;
  const positions = rows.map(({ prompt, ids }) => prompt.length + ids.length - 1);
  put(
    m,
    s.ids,
    rows.map(({ ids }) => ids.at(-1)!),
  );
  put(m, s.positions, positions);
  put(
    m,
    s.lo,
    rows.map(({ slot }) => slot * capacity),
  );
  put(
    m,
    s.last,
    rows.map(({ slot }, i) => slot * capacity + positions[i]),
  );
  put(
    m,
    s.targetAt,
    rows.map((_, i) => i),
  );
  putSampling(m, d, rows);
  const program = as(N === 1 && d.rows > 1 ? 'decode one' : 'decode');
  const ahead = AHEAD[m.gpu.limits.software ? 'software' : 'hardware'];
  const most = Math.max(...rows.map(({ most, ids }) => most - ids.length));
  const coming: ReturnType<typeof chosenBy>[] = [];
  for (let sent = 0; coming.length || !ended(); ) {
    for (; coming.length <= ahead && sent < most && !ended(); sent++) {
      replay(m, program, dimsOf(d, N, N, wanted));
      coming.push(chosenBy(m, program, d));
    }
    // what was made ahead counts for the rows that go on
    const told = await coming.shift()!;
    rows.forEach((row, i) => row.ended || take(row, told(i)[0], told(i)));
  }
}

const same = (name: string) => name;

/** Sizes of a program; how much is told is one of them where anything is. */
const dimsOf = ({ told }: Pick<Decoding, 'told'>, N: number, M: number, wanted: number) => ({ N, M, ...(told && { wanted }) });
