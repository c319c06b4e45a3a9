// A line of the bench, with what does not apply left null.

import type { Line } from '../../report.ts';

export type BenchLine = Extract<Line, { kind: 'bench' }>;

export function line(name: string, shape: string, more: Partial<BenchLine> = {}): BenchLine {
  const ratio = more.gflops && more.peak_gflops ? more.gflops / more.peak_gflops : null;
  return { kind: 'bench', name, shape, layout: null, ms: null, gflops: null, peak_gflops: null, ratio, ...more };
}

/** GFLOP/s of so many FLOPs in so many milliseconds (or GB/s of bytes). */
export const giga = (amount: number, ms: number): number => amount / ms / 1e6;
