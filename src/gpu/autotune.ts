// The tuner: which of several kernels for the same work is the fastest on this adapter, measured once and remembered.
// No guess by vendor can replace this: we cannot see the user's GPU. It knows no kernels; contests bring them (ops/gemm-contests.ts),
// and duel.ts says who wins. Variants sum in different orders, so what it chose is part of a run: plain data, kept with the run and
// given back on resume.

import type { Gpu } from './device.ts';
import { duel, MARGIN, type Standing } from './duel.ts';
import type { Choices } from './limits.ts';
import { measurePace } from './peak.ts';
import type { Build } from './program.ts';
import { type Ready, type Stopwatch, stopwatch } from './stopwatch.ts';

/** Where a host keeps what was measured: a file, IndexedDB. */
export interface AutotuneCache {
  get(key: string): Promise<string | null | undefined> | string | null | undefined;
  set(key: string, value: string): Promise<void> | void;
}

/** Kernels for the same work. The first is the default. */
export interface Contest {
  key: string;
  /** What of the work the key does not say, but a memory of its times must. */
  of?: string;
  entrants: Entrant[];
}

export interface Entrant {
  name: string;
  build: Build;
}

export interface AutotuneOptions {
  cache?: AutotuneCache;
  /** Milliseconds in all; what was not sure by then stays the default, and is measured again the next time. */
  budget?: number;
  stopwatch?: Stopwatch;
}

/** Part of the cache's key; rises when kernels change enough to be measured anew. */
const VERSION = 2;
/** What the cache holds of a challenger that is not faster; of one that is, its time over the default's. */
const NOT_FASTER = 'no';
/** Share of a contest's time after which no further entrant is compiled: the rest is for the rounds. */
const COMPILING = 0.6;

/** Measures what the cache does not know and gives the choices, for a Planning. A default gives way only to what surely is faster. */
export async function autotuneKernels(
  gpu: Gpu,
  contests: Contest[],
  { cache, budget = 5000, stopwatch: watch = stopwatch(gpu) }: AutotuneOptions = {},
): Promise<Choices> {
  const choices: Record<string, string> = {};
  const time = { end: watch.now() + budget, longest: 0 };
  for (const [i, contest] of contests.entries()) {
    // half of what is left, so that one contest in doubt leaves something to the others
    const left = time.end - watch.now();
    const until = i === contests.length - 1 ? time.end : watch.now() + left / 2;
    choices[contest.key] = await winner(watch, contest, { time, until }, cache);
  }
  return choices;
}

/**
 * The pace at which the first submits of a run are sized: remembered, or measured. A device that does not let itself be measured, and a
 * processor, which needs none, keep the one they were opened with.
 */
export async function autotunePace(
  gpu: Gpu,
  { cache, stopwatch: watch = stopwatch(gpu) }: Pick<AutotuneOptions, 'cache' | 'stopwatch'> = {},
): Promise<void> {
  if (gpu.software) return;
  const key = ['blocktune', VERSION, watch.name, 'pace'].join('|');
  const [tflops, gbps] = ((await cache?.get(key)) ?? '').split(' ').map(Number);
  if (tflops > 0 && gbps > 0) {
    gpu.pace = { tflops, gbps };
    return;
  }
  const pace = await measurePace(gpu, watch).catch(() => null);
  const failed = watch.failed();
  if (failed) throw failed;
  if (!pace) return;
  gpu.pace = pace;
  await cache?.set(key, [pace.tflops, pace.gbps].map((x) => x.toPrecision(3)).join(' '));
}

interface Allowed {
  /** Of all contests: the longest that one entrant has taken to be compiled. */
  time: { longest: number };
  until: number;
}

/** The fastest of the entrants, as far as that is known or there is time to measure it. */
async function winner(
  watch: Stopwatch,
  { key, of, entrants }: Contest,
  allowed: Allowed,
  cache?: AutotuneCache,
): Promise<string> {
  const [standard, ...others] = entrants;
  const keyOf = (e: Entrant) => ['blocktune', VERSION, watch.name, of ? `${key}, ${of}` : key, standard.name, e.name].join('|');
  const ratios = new Map<Entrant, number>();
  const unknown: Entrant[] = [];
  for (const e of others) {
    const said = await cache?.get(keyOf(e));
    const ratio = Number(said);
    if (said && ratio > 0 && ratio < MARGIN) ratios.set(e, ratio);
    else if (said !== NOT_FASTER) unknown.push(e);
  }
  if (unknown.length) {
    const standings = await race(watch, standard, unknown, allowed);
    // a default that this adapter refuses: the first of the others that it takes
    if (standings === 'refused')
      return others.length > 1 ? winner(watch, { key, of, entrants: others }, allowed) : others[0].name;
    for (const [e, { ratio, verdict }] of standings) {
      if (verdict === 'faster') ratios.set(e, ratio);
      if (verdict !== 'unsure') await cache?.set(keyOf(e), verdict === 'faster' ? ratio.toPrecision(3) : NOT_FASTER);
    }
  }
  const [best] = [...ratios].sort(([, a], [, b]) => a - b);
  return best ? best[0].name : standard.name;
}

/** How entrants fare beside the default: those that run, and that there was time for. */
async function race(
  watch: Stopwatch,
  standard: Entrant,
  others: Entrant[],
  { time, until }: Allowed,
): Promise<Map<Entrant, Standing> | 'refused'> {
  const opened: Ready[] = [];
  const running: Entrant[] = [];
  const compiled = watch.now() + COMPILING * (until - watch.now());
  try {
    for (const e of [standard, ...others]) {
      const since = watch.now();
      if (since + time.longest > compiled) break;
      const timed = await watch.open(e.build).catch(() => null);
      const failed = watch.failed(); // the device is gone, or broken for everything that follows
      if (failed) throw failed;
      time.longest = Math.max(time.longest, watch.now() - since);
      if (timed) opened.push(timed);
      if (timed) running.push(e);
      else if (e === standard) return 'refused';
    }
    const [first, ...rest] = opened;
    if (!rest.length) return new Map();
    const fits = (ms: number) => watch.now() + ms <= until;
    const standings = await duel(first, rest, { least: watch.least, fits }).catch(() => []);
    const failed = watch.failed();
    if (failed) throw failed;
    return new Map(standings.flatMap((s, i) => (s ? [[running[i + 1], s] as const] : [])));
  } finally {
    for (const o of opened) o.close();
  }
}
