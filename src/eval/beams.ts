// Answers by beam search, as transformers' generate(num_beams, do_sample=False, repetition_penalty) makes them with its defaults (early
// stopping off, length penalty 1); of one beam the likeliest token each time. Several prompts are searched for side by side.

import type { Machine } from '../gpu/run.ts';
import { write } from '../gpu/tensor.ts';
import { goOn, move, type Next, readPrompt, type Search } from './search.ts';

export interface BeamOptions {
  beams: number;
  /** Scores of tokens seen before, in the prompt or the answer: times it below 0, else divided by it; 1 changes nothing. */
  repetitionPenalty: number;
  maxNewTokens: number;
  /** Ids that end a text. */
  eos: readonly number[];
}

/** Next tokens that are looked at for each beam: enough that as many go on as there are beams, though others end. */
export const candidates = ({ beams, eos }: Pick<BeamOptions, 'beams' | 'eos'>) => beams * Math.max(2, 1 + eos.length);

/** An answer so far: its tokens, the sum of their scores, and its slot of the cache. */
interface Beam {
  ids: number[];
  score: number;
  seen: Uint32Array;
  slot: number;
}

/** A prompt that is being answered. */
interface Group {
  asked: number;
  prompt: ArrayLike<number>;
  slots: number[];
  running: Beam[];
  /** Answers that have ended, best first; their score a token. */
  ended: { ids: number[]; score: number }[];
  done: boolean;
}

/** The new ids of every answer, in order, the end-of-sequence id included where it came. */
export async function* searchAll(
  m: Machine,
  s: Search,
  prompts: readonly ArrayLike<number>[],
  o: BeamOptions,
  signal?: AbortSignal,
): AsyncGenerator<number[]> {
  write(m.gpu.memory, s.ranking.penalty, Float32Array.of(o.repetitionPenalty));
  const slots = Array.from({ length: Math.floor(s.rows / o.beams) }, (_, g) =>
    Array.from({ length: o.beams }, (_, b) => g * o.beams + b),
  );
  const made: number[][] = [];
  let going: Group[] = [];
  for (let [next, told] = [0, 0]; told < prompts.length && !signal?.aborted; ) {
    while (slots.length && next < prompts.length) {
      going.push(await begun(m, s, { asked: next, prompt: prompts[next], slots: slots.shift()! }, o));
      next++;
    }
    await stepped(m, s, going, o);
    for (const { asked, ended, slots: own } of going.filter(({ done }) => done)) {
      made[asked] = ended[0].ids;
      slots.push(own);
    }
    going = going.filter(({ done }) => !done);
    for (; made[told] && !signal?.aborted; told++) yield made[told];
  }
}

/** A prompt read into the cache of its first beam, and its first tokens chosen. */
async function begun(
  m: Machine,
  s: Search,
  { asked, prompt, slots }: Pick<Group, 'asked' | 'prompt' | 'slots'>,
  o: BeamOptions,
): Promise<Group> {
  const seen = new Uint32Array(s.ranking.seen.shape[1]);
  for (const id of Array.from(prompt)) mark(seen, id);
  const first = { ids: [], score: 0, seen, slot: slots[0] };
  const group: Group = { asked, prompt, slots, running: [first], ended: [], done: false };
  const parents = choose(group, [await readPrompt(m, s, prompt, first)], o);
  moveTo(m, s, [group], [parents]);
  return group;
}

/** One token more of every beam of these. */
async function stepped(m: Machine, s: Search, all: readonly Group[], o: BeamOptions): Promise<void> {
  const going = all.filter(({ done }) => !done);
  if (!going.length) return;
  const rows = going.flatMap(({ prompt, running }) =>
    running.map(({ slot, ids, seen }) => ({ slot, seen, id: ids.at(-1)!, position: prompt.length + ids.length - 1 })),
  );
  const ranks = await goOn(m, s, rows);
  let at = 0;
  const parents = going.map((group) => choose(group, ranks.slice(at, (at += group.running.length)), o));
  moveTo(m, s, going, parents);
}

/** Takes the next tokens of a prompt's beams by their scores; answers the slot that each beam now goes on from. */
function choose(group: Group, ranks: readonly Next[][], o: BeamOptions): number[] {
  const { beams, eos, maxNewTokens } = o;
  const { running, slots } = group;
  const all = running
    .flatMap((beam, i) => ranks[i].map(({ id, score }) => ({ beam, id, score: beam.score + score })))
    .sort((a, b) => b.score - a.score)
    .slice(0, candidates(o));
  const length = running[0].ids.length + 1;
  const ends = (id: number) => eos.includes(id) || length === maxNewTokens;
  // only what is among the best may end; the others are there for the beams that go on
  const ended = all.slice(0, beams).filter(({ id }) => ends(id));
  const scored = ended.map(({ beam, id, score }) => ({ ids: [...beam.ids, id], score: score / length }));
  group.ended = [...group.ended, ...scored].sort((a, b) => b.score - a.score).slice(0, beams);
  const on = all.filter(({ id }) => !ends(id)).slice(0, beams);
  group.running = on.map(({ beam, id, score }, i) => {
    const seen = beam.seen.slice();
    mark(seen, id);
    return { ids: [...beam.ids, id], score, seen, slot: slots[i] };
  });
  const best = on.length ? on[0].score / length : Number.NEGATIVE_INFINITY;
  group.done = !on.length || (group.ended.length === beams && best <= group.ended.at(-1)!.score);
  return on.map(({ beam }) => beam.slot);
}

/** Moves the rows of the cache of all these at once to where their beams go on from them. */
function moveTo(m: Machine, s: Search, groups: readonly Group[], parents: readonly number[][]): void {
  const from = Array.from({ length: s.rows }, (_, row) => row);
  let reach = 0;
  groups.forEach(({ prompt, running, slots, done }, g) => {
    if (done) return;
    for (const [i, parent] of parents[g].entries()) from[slots[i]] = parent;
    reach = Math.max(reach, prompt.length + running[0].ids.length - 1);
  });
  move(m, s, from, reach);
}

const mark = (seen: Uint32Array, id: number) => {
  seen[id >> 5] |= 1 << (id & 31);
};
