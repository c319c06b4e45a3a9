// One self-test on one adapter: planned, run once, and every value held against its bound.

import type { Gpu } from '../../gpu/device.ts';
import { type Planning, planningOf } from '../../gpu/limits.ts';
import { homesOf, plan } from '../../gpu/plan.ts';
import { copy, type Program } from '../../gpu/program.ts';
import { dispose, prepare, replay } from '../../gpu/run.ts';
import { read, resident, type Tensor, USAGE, write } from '../../gpu/tensor.ts';
import type { Check } from './check.ts';

/** right and wrong are of what ran; lacking is a form that this adapter does not have. error: as a share of what is allowed. */
export type Examined =
  | { state: 'right' | 'wrong'; error: number; detail?: undefined }
  | { state: 'wrong'; error: null; detail: string }
  | { state: 'lacking'; error: null; detail: string };

/** Runs a check; has: the adapter with all that it could be planned with (half precision). A failure is an answer. */
export async function examine(gpu: Gpu, check: Check, has: Planning): Promise<Examined> {
  const lack = check.lacks?.(has);
  if (lack) return { state: 'lacking', error: null, detail: lack };
  const planned = check.planning?.(has) ?? planningOf(has, { half: false, choices: {} });
  try {
    const error = await worst(gpu, check, planned);
    return { state: error <= 1 ? 'right' : 'wrong', error };
  } catch (e) {
    gpu.failed = null; // one kernel's failure is told here, and the next one gets its chance
    return { state: 'wrong', error: null, detail: (e as Error).message };
  }
}

/** The largest error of a check's outputs as a share of its bound; Infinity where something is not finite. */
async function worst(gpu: Gpu, check: Check, planning: Planning): Promise<number> {
  const { dims = {}, inputs, build, want } = check.make(planning);
  const outs: Tensor[] = [];
  const traced = (p: Program) =>
    build(p).forEach((t, i) => {
      if (t.home) outs[i] = t;
      else copy(p, t, (outs[i] ??= resident(`out ${i}`, t.shape, 'other')));
    });
  const planned = plan([{ name: check.name, build: traced, dims }], planning);
  const machine = await prepare(gpu, planned);
  try {
    // what nothing writes must not pass for zero
    const rest = homesOf(planned).filter((h) => h.usage === USAGE.storage);
    for (const { buffer, bytes } of rest) gpu.device.queue.writeBuffer(buffer!, 0, new Float32Array(bytes / 4).fill(Number.NaN));
    for (const [t, data] of inputs) if (t.home?.buffer) write(gpu.memory, t, data);
    replay(machine, check.name, dims);
    const all = await Promise.all(want.map((_, i) => read(gpu.memory, outs[i])));
    let most = 0;
    for (const [i, { values, bound }] of want.entries()) {
      const got = all[i];
      values.forEach((v, k) => {
        const off = Math.abs(got[k] - v);
        const share = off === 0 ? 0 : off / bound(k);
        most = Math.max(most, Number.isNaN(share) ? Number.POSITIVE_INFINITY : share);
      });
    }
    return most;
  } finally {
    dispose(machine);
  }
}
