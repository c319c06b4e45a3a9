// How long counted dispatches should take on a GPU of a given peak and bandwidth: a model, good to a factor of two, not a measurement.
// A dispatch takes what pace.ts says, with a cost of its own that is told.

import type { Dispatch } from './cost.ts';
import { type Pace, workTime } from './pace.ts';

/** A GPU by its published figures. */
export interface Speed extends Pace {
  dispatch_us: number;
}

export interface Expected {
  ms: number;
  /** What takes most of it. */
  bound: 'arithmetic' | 'memory' | 'dispatches';
}

/** The expected time of dispatches. `count`: how many there are once cut. */
export function expectedTime(all: readonly Dispatch[], count: number, speed: Speed): Expected {
  const ms = { arithmetic: 0, memory: 0, dispatches: (count * speed.dispatch_us) / 1e3 };
  for (const e of all) {
    const work = workTime(e, speed);
    ms[work.bound] += work.ms;
  }
  const bound = (Object.keys(ms) as Expected['bound'][]).reduce((a, b) => (ms[b] > ms[a] ? b : a));
  return { ms: ms.arithmetic + ms.memory + ms.dispatches, bound };
}

/** Milliseconds that the needed work takes at the published figures, whichever of both is longer. */
export const idealMs = (flops: number, bytes: number, { tflops, gbps }: Pace): number =>
  Math.max(flops / (tflops * 1e9), bytes / (gbps * 1e6));
