// How fast a device is taken to be, and what a dispatch then takes: the estimate by which dispatches are cut and submits filled.
//
//     time = max(FLOPs / (EFFICIENCY peak), bytes / bandwidth) + the cost of a dispatch
//
// FLOPs are those done, tiles filled. Not in it: caches (bytes may come from there), clocks that fall, and grids too small to fill a GPU.

import type { Entry, Work } from './entry.ts';

/** Peak of multiply-adds (a multiply-add is two) and bandwidth of memory. */
export interface Pace {
  tflops: number;
  gbps: number;
}

/**
 * Share of its peak that a good product reaches: 0.33 to 0.61 on an M2 (wgpu-mm), 0.59 to 0.79 of each GPU's best library (llama.cpp,
 * pull request 22241).
 */
const EFFICIENCY = 0.5;
/** Milliseconds of a dispatch that does nothing: 24 to 71 us in browsers (arXiv 2604.02344). */
const DISPATCH_MS = 0.03;

/** A slow integrated GPU: what hardware is taken for until it is measured, and what no single dispatch may hold up for long. */
export const SLOW_GPU: Pace = { tflops: 2, gbps: 50 };
const PROCESSOR: Pace = { tflops: 0.02, gbps: 4 };

/** What a device is taken for until it is measured. */
export const firstPace = (software: boolean): Pace => (software ? PROCESSOR : SLOW_GPU);

/** A pace so many times as fast. */
export const scaled = ({ tflops, gbps }: Pace, times: number): Pace => ({ tflops: tflops * times, gbps: gbps * times });

/** FLOPs of a dispatch with its tiles filled. */
export const doneFlops = ({ product, flops }: Work): number => product?.padded ?? flops;

/** Milliseconds that the work of a dispatch takes, and what bounds it. */
export function workTime(work: Work, { tflops, gbps }: Pace): { ms: number; bound: 'arithmetic' | 'memory' } {
  const arithmetic = doneFlops(work) / (EFFICIENCY * tflops * 1e9);
  const memory = work.bytes / (gbps * 1e6);
  return arithmetic > memory ? { ms: arithmetic, bound: 'arithmetic' } : { ms: memory, bound: 'memory' };
}

/** Milliseconds that an entry of a program takes by this estimate; a clear counts nothing. */
export function entryMs(e: Entry, pace: Pace): number {
  if (e.op === 'run') return workTime(e, pace).ms + DISPATCH_MS;
  return e.op === 'copy' ? (2 * e.bytes) / (pace.gbps * 1e6) : 0;
}
