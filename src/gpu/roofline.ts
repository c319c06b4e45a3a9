// How long counted dispatches should take on a GPU of a given peak and bandwidth: a model, good to a factor of two, not a measurement.
//
//     time = sum over dispatches of max(FLOPs / (EFFICIENCY peak), bytes / bandwidth) + dispatches x the cost of one
//
// FLOPs are those done, tiles filled. Not in it: caches (bytes may come from there), clocks that fall, and grids too small to fill a GPU.

import { type Dispatch, doneFlops } from './cost.ts';

/** A GPU by its published figures. */
export interface Speed {
  tflops: number;
  gbps: number;
  dispatch_us: number;
}

export interface Expected {
  ms: number;
  /** What takes most of it. */
  bound: 'arithmetic' | 'memory' | 'dispatches';
}

/**
 * Share of the published peak that a good product reaches: 0.33 to 0.61 on an M2 (wgpu-mm), 0.59 to 0.79 of each GPU's best library
 * (llama.cpp, pull request 22241).
 */
const EFFICIENCY = 0.5;

/** The expected time of dispatches. `count`: how many there are once cut. */
export function expectedTime(all: readonly Dispatch[], count: number, { tflops, gbps, dispatch_us }: Speed): Expected {
  const ms = { arithmetic: 0, memory: 0, dispatches: (count * dispatch_us) / 1e3 };
  for (const e of all) {
    const arithmetic = doneFlops(e) / (EFFICIENCY * tflops * 1e9);
    const memory = e.bytes / (gbps * 1e6);
    ms[arithmetic > memory ? 'arithmetic' : 'memory'] += Math.max(arithmetic, memory);
  }
  const bound = (Object.keys(ms) as Expected['bound'][]).reduce((a, b) => (ms[b] > ms[a] ? b : a));
  return { ms: ms.arithmetic + ms.memory + ms.dispatches, bound };
}

/** Milliseconds that the needed work takes at the published figures, whichever of both is longer. */
export const idealMs = (flops: number, bytes: number, { tflops, gbps }: Pick<Speed, 'tflops' | 'gbps'>): number =>
  Math.max(flops / (tflops * 1e9), bytes / (gbps * 1e6));
