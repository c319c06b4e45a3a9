// Speeds of this adapter, told as lines: the product in its layouts, the other kernels, whole steps of a small model.
// Every figure has its yardstick measured beside it, in the same run: the adapter's own FMA peak, or our own forward.

import type { Gpu } from '../../gpu/device.ts';
import { openPeak } from '../../gpu/peak.ts';
import type { Report } from '../../report.ts';
import { benchGemm } from './gemm.ts';
import { benchKernels } from './kernels.ts';
import { line } from './line.ts';
import { benchMemory } from './memory.ts';
import { benchSteps } from './steps.ts';

export const GROUPS = ['gemm', 'kernels', 'steps', 'memory'] as const;
export type Group = (typeof GROUPS)[number];

export interface BenchOptions {
  /** Groups to measure; all where none is named. */
  only?: readonly Group[];
}

/** Measures and reports; some minutes on a software adapter. */
export async function bench(gpu: Gpu, report: Report, { only = GROUPS }: BenchOptions = {}): Promise<void> {
  report({ kind: 'device', name: gpu.name, software: gpu.software });
  const peak = await openPeak(gpu);
  try {
    if (only.includes('gemm')) await benchGemm(gpu, peak, report);
    if (only.includes('kernels')) await benchKernels(gpu, peak, report);
    if (only.includes('steps')) await benchSteps(gpu, peak, report);
    if (only.includes('memory')) benchMemory(report);
    report(line('peak', 'fma', { gflops: peak.best, peak_gflops: peak.best }));
  } finally {
    peak.free();
  }
}
