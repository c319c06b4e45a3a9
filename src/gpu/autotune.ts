// The tuner: which of several kernels for the same work is the fastest on this adapter, measured once and remembered.
// No guess by vendor can replace this: we cannot see the user's GPU. It knows no kernels; contests bring them (ops/gemm-contests.ts).
// Variants sum in different orders, so what it chose is part of a run: plain data, kept with the run and given back on resume.

import { type Gpu, idle } from './device.ts';
import { type Choices, planningOf } from './limits.ts';
import { msOf } from './peak.ts';
import { plan } from './plan.ts';
import { profile } from './profile.ts';
import type { Build } from './program.ts';
import { dispose, prepare, replay } from './run.ts';

/** Where a host keeps what was measured: a file, IndexedDB. */
export interface AutotuneCache {
  get(key: string): Promise<string | null | undefined> | string | null | undefined;
  set(key: string, value: string): Promise<void> | void;
}

/** Kernels for the same work. The first is the default. */
export interface Contest {
  key: string;
  entrants: { name: string; build: Build }[];
}

export interface AutotuneOptions {
  cache?: AutotuneCache;
  /** Milliseconds in all; what was not measured by then stays the default. */
  budget?: number;
}

/** A challenger must be faster by this much: measurements vary, and a default is what was tested most. */
const MARGIN = 0.95;
/** Part of the cache's key; rises when kernels change enough to be measured anew. */
const VERSION = 1;

/** Measures what the cache does not know and gives the choices, for a Planning. Never slower than the default. */
export async function autotuneKernels(
  gpu: Gpu,
  contests: Contest[],
  { cache, budget = 5000 }: AutotuneOptions = {},
): Promise<Choices> {
  const choices: Record<string, string> = {};
  const clock = { start: performance.now(), longest: 0, budget };
  for (const contest of contests) {
    const names = contest.entrants.map((e) => e.name);
    const key = ['blocktune', VERSION, gpu.name, contest.key, ...names].join('|');
    const known = await cache?.get(key);
    if (known && names.includes(known)) {
      choices[contest.key] = known;
      continue;
    }
    const { name, measured } = await winner(gpu, contest, clock);
    choices[contest.key] = name;
    if (measured > 1) await cache?.set(key, name);
  }
  return choices;
}

interface Clock {
  start: number;
  /** The longest that one entrant has taken, compilation included. */
  longest: number;
  budget: number;
}

/** The fastest of the entrants that there was time for. */
async function winner(gpu: Gpu, { entrants }: Contest, clock: Clock): Promise<{ name: string; measured: number }> {
  const best = { name: entrants[0].name, ms: Number.POSITIVE_INFINITY };
  let measured = 0;
  if (entrants.length === 1) return { name: best.name, measured };
  for (const { name, build } of entrants) {
    const t = performance.now();
    if (t - clock.start + clock.longest > clock.budget) break;
    const ms = await timeOf(gpu, build);
    clock.longest = Math.max(clock.longest, performance.now() - t);
    // the default sets the mark that a challenger must clearly beat
    const mark = measured++ ? ms : ms * MARGIN;
    if (mark < best.ms) Object.assign(best, { name, ms: mark });
  }
  return { name: best.name, measured };
}

/** Milliseconds of one run, the best of a few; Infinity for what this device does not compile or run. */
async function timeOf(gpu: Gpu, build: Build): Promise<number> {
  try {
    const machine = await prepare(gpu, plan([{ name: 'contest', build, dims: {} }], planningOf(gpu.limits)));
    try {
      const submit = () => replay(machine, 'contest', {});
      if (!gpu.features.has('timestamp-query')) return await msOf(gpu, submit, 20);
      let best = Number.POSITIVE_INFINITY;
      submit();
      await idle(gpu);
      for (let i = 0; i < 3; i++) {
        const ms = (await profile(machine, 'contest', {})).reduce((sum, t) => sum + t.ms, 0);
        if (ms > 0) best = Math.min(best, ms);
      }
      return best;
    } finally {
      dispose(machine);
    }
  } catch (e) {
    if (gpu.failed) throw e; // the device is gone, or broken for everything that follows
    return Number.POSITIVE_INFINITY;
  }
}
