// Answers chosen by likelihood: of the ways a prompt may go on, the log-probability of each. What ways have in common is read once: all
// that differ in their last token alone are targets of one row, predicted by the same hidden states.

import { ladder } from '../data/pack.ts';
import { dispose, type Machine, prepare, readback, replay } from '../gpu/run.ts';
import { feed, type PackedRows } from '../models/inputs.ts';
import type { Sizes, Stream } from '../ops/stream/stream.ts';
import type { Report } from '../report.ts';
import type { OnDevice } from './evaluate.ts';
import { planLikelihood } from './likelihood.ts';

/** A prompt and the ways it may go on, all as token ids. */
export interface Ask {
  prompt: ArrayLike<number>;
  ways: readonly ArrayLike<number>[];
}

/** Tokens of a row, and its targets: the id predicted behind place `at`, and the ways that it counts for. */
interface Branch {
  ask: number;
  ids: number[];
  targets: { at: number; id: number; of: number[] }[];
}

/** Tokens read at a time, where no row is longer. */
const ROOM = 1024;
/** Streams are rounded up to multiples of this. */
const ROUND = 64;

/**
 * The summed log-probability of every way of each ask, in order. Rows are packed into streams of one size, at most `batch` to a stream;
 * the next is sent before the last is read.
 */
export async function* rankAll(
  { gpu, decoder, planning, scope }: OnDevice,
  asks: readonly Ask[],
  { batch = Number.POSITIVE_INFINITY }: { batch?: number },
  report: Report,
): AsyncGenerator<number[]> {
  const branches = asks.flatMap(branchesOf);
  const longest = branches.reduce((n, b) => Math.max(n, b.ids.length), 1);
  const streams = streamsOf(branches, Math.max(ROOM, longest), batch);
  const most = (of: (b: Branch) => number) => streams.reduce((n, s) => Math.max(n, sum(s.map(of))), 1);
  const sizes = { N: rounded(most(tokensOf)), M: most(targetsOf) };
  const { plan, stream } = planLikelihood(decoder, sizes, planning);
  report({ kind: 'plan', program: 'eval', bytes: plan.bytes, trainable: 0, bound: false });
  const machine = await prepare(gpu, plan, scope);
  try {
    report({ kind: 'memory', program: 'eval', planned: plan.bytes.total, allocated: gpu.memory.bytes });
    const found = asks.map(({ ways }) => ways.map(() => 0));
    let told = 0;
    const take = function* (read: Branch[], logprob: Float32Array) {
      let t = 0;
      for (const { ask, targets } of read)
        for (const { of } of targets) {
          for (const way of of) found[ask][way] += logprob[t];
          t++;
        }
      for (const before = read === streams.at(-1) ? asks.length : read.at(-1)!.ask; told < before; told++) yield found[told];
    };
    let sent: { read: Branch[]; logprob: Promise<Float32Array> } | undefined;
    for (const read of streams) {
      const logprob = send(machine, stream, sizes, read);
      if (sent) yield* take(sent.read, await sent.logprob);
      sent = { read, logprob };
    }
    if (sent) yield* take(sent.read, await sent.logprob);
  } finally {
    dispose(machine);
  }
}

const tokensOf = ({ ids }: Branch) => ids.length;
const targetsOf = ({ targets }: Branch) => targets.length;
const sum = (all: number[]) => all.reduce((n, x) => n + x, 0);
const rounded = (n: number) => ROUND * Math.ceil(n / ROUND);

/** Tokens of the longest row of these, as the model reads them. */
export const longestRow = (asks: readonly Ask[]): number =>
  asks.reduce((n, { prompt, ways }) => Math.max(n, prompt.length + Math.max(...ways.map((way) => way.length)) - 1), 1);

/** A row for all ways that are alike but for their last token. */
function branchesOf({ prompt, ways }: Ask, ask: number): Branch[] {
  const alike = new Map<string, number[]>();
  ways.forEach((way, i) => {
    const stem = Array.from(way).slice(0, -1).join();
    alike.set(stem, [...(alike.get(stem) ?? []), i]);
  });
  return [...alike.values()].map((of) => {
    const stem = Array.from(ways[of[0]]).slice(0, -1);
    const ends = of.map((way) => ({ at: prompt.length + stem.length - 1, id: ways[way][stem.length], of: [way] }));
    const targets = [...stem.map((id, j) => ({ at: prompt.length - 1 + j, id, of })), ...ends];
    return { ask, ids: [...Array.from(prompt), ...stem], targets };
  });
}

/** Rows in order, as many to a stream as there is room for. */
function streamsOf(branches: Branch[], room: number, batch: number): Branch[][] {
  const streams: Branch[][] = [];
  let left = 0;
  for (const branch of branches) {
    if (!streams.length || branch.ids.length > left || streams.at(-1)!.length >= batch) {
      streams.push([]);
      left = room;
    }
    streams.at(-1)!.push(branch);
    left -= branch.ids.length;
  }
  return streams;
}

function send(machine: Machine, stream: Stream, sizes: Sizes, branches: Branch[]): Promise<Float32Array> {
  const packed = packedOf(branches);
  const [N, M] = [Math.min(rounded(packed.n), sizes.N), ladder(packed.m, sizes.M)];
  feed(machine.gpu.memory, stream, packed, N, M, false);
  replay(machine, 'eval', { N, M });
  return readback(machine, 'eval');
}

/** Rows end to end, with the targets of each. */
function packedOf(branches: Branch[]): PackedRows {
  const starts: number[] = [];
  let n = 0;
  for (const { ids } of branches) {
    starts.push(n);
    n += ids.length;
  }
  const tokens = (of: (b: Branch, start: number, j: number) => number) =>
    Uint32Array.from(branches.flatMap((b, i) => b.ids.map((_, j) => of(b, starts[i], j))));
  const targets = branches.flatMap(({ targets }, i) => targets.map(({ at, id }) => ({ at: starts[i] + at, id })));
  return {
    n,
    m: targets.length,
    ids: tokens(({ ids }, _, j) => ids[j]),
    positions: tokens((_b, _s, j) => j),
    lo: tokens((_, start) => start),
    hi: tokens(({ ids }, start) => start + ids.length - 1),
    targetIndex: Uint32Array.from(targets, ({ at }) => at),
    targetId: Uint32Array.from(targets, ({ id }) => id),
  };
}
