// Speeds of this adapter, told as lines: the product in its layouts, the other kernels, whole steps of a small model.
// Every figure has its yardstick measured beside it, in the same run: the adapter's own FMA peak, or our own forward.

import type { Gpu } from '../../gpu/device.ts';
import { openPeak } from '../../gpu/peak.ts';
import { PARTS } from '../../options/table.ts';
import { type OpenModel, openModel, type Place } from '../../parts.ts';
import type { Report } from '../../report.ts';
import { builtIn } from '../built-in.ts';
import { benchDecode } from './decode.ts';
import { benchGemm } from './gemm.ts';
import { benchKernels } from './kernels.ts';
import { line } from './line.ts';
import { benchLoad } from './load.ts';
import { benchMemory } from './memory.ts';
import { benchSteps } from './steps.ts';

/** Measures the named parts and reports; all of them are some minutes on a software adapter. model: what is loaded and decoded. */
export async function bench(
  gpu: Gpu,
  report: Report,
  parts: readonly (typeof PARTS)[number][] = PARTS,
  model: Place = builtIn('model'),
): Promise<void> {
  report({ kind: 'device', name: gpu.name, software: gpu.software });
  const peak = await openPeak(gpu);
  try {
    if (parts.includes('gemm')) await benchGemm(gpu, peak, report);
    if (parts.includes('kernel')) await benchKernels(gpu, peak, report);
    if (parts.includes('step')) await benchSteps(gpu, peak, report);
    if (parts.includes('memory')) benchMemory(report);
    if (parts.includes('load')) await withModel(model, (opened) => benchLoad(gpu, report, opened));
    if (parts.includes('decode')) await withModel(model, (opened) => benchDecode(gpu, peak, report, opened));
    report(line('peak', 'fma', { gflops: peak.best, peak_gflops: peak.best }));
  } finally {
    peak.free();
  }
}

async function withModel(place: Place, measure: (opened: OpenModel) => Promise<void>): Promise<void> {
  const opened = await openModel(place);
  try {
    await measure(opened);
  } finally {
    await opened.files.close();
  }
}
