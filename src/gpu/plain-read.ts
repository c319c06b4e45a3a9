// The adapter's own speed of reading: bytes a second that a kernel reads with nothing else to do. What is bound by memory is told as a
// share of it, as products are of the FMA peak (peak.ts).

import code from '../../shaders/plain_read.wgsl?raw' with { type: 'text' };
import type { Gpu } from './device.ts';
import { planningOf } from './limits.ts';
import { plan } from './plan.ts';
import { type Build, kernel, run, temp } from './program.ts';
import { type Machine, prepare } from './run.ts';
import type { Tensor } from './tensor.ts';

/** Workgroups of a reading, enough to fill a large GPU. */
const GROUPS = { software: 256, hardware: 4096 };

/** A machine whose program `read` reads every byte of some allocated tensors once, by a kernel with so many invocations a workgroup. */
export const readerOf = (gpu: Gpu, tensors: readonly Tensor[], WG: number): Promise<Machine> =>
  prepare(gpu, plan([{ name: 'read', build: readingOf(tensors, WG), dims: {} }], planningOf(gpu.limits)));

/** Reads every byte of tensors once. */
export function readingOf(tensors: readonly Tensor[], WG: number): Build {
  const EACH = 4;
  return (p) => {
    const groups = GROUPS[p.planning.software ? 'software' : 'hardware'];
    for (const data of tensors) {
      const count = Math.floor(data.bytes / 16);
      const steps = Math.ceil(count / (groups * EACH * WG));
      const used = Math.ceil(count / (steps * EACH * WG));
      const seen = temp(p, 'seen', [4 * used * WG], 'other', 'u32');
      run(p, kernel('plain_read', [code], { WG, EACH }), { data, seen }, { count, steps }, [used], { bytes: data.bytes });
    }
  };
}

/** Sizes of a workgroup that are worth a try: a GPU runs at least 32 invocations in step. */
export const widthsOf = (software: boolean): number[] => (software ? [8, 64, 256] : [64, 256]);
