// doctor: what adapter there is, what it offers, and whether every kernel is right on it: small inputs against f64 on the host.

import { closeGpu, type Gpu, openGpu } from '../../gpu/device.ts';
import { type Planning, planningOf } from '../../gpu/limits.ts';
import { plan } from '../../gpu/plan.ts';
import { copy, type Program } from '../../gpu/program.ts';
import { dispose, prepare, replay } from '../../gpu/run.ts';
import { read, resident, type Tensor, write } from '../../gpu/tensor.ts';
import type { Report } from '../../report.ts';
import type { Task } from '../task.ts';
import { type Check, checks, halfChecks } from './checks.ts';

/** The verb: fails where a kernel does. */
export async function doctorVerb({ o, report }: Pick<Task, 'o' | 'report'>): Promise<void> {
  const gpu = await openGpu({ device: o.device });
  const wrong: string[] = [];
  try {
    await doctor(gpu, (l) => {
      if (l.kind === 'check' && !l.ok) wrong.push(l.name);
      report(l);
    });
  } finally {
    closeGpu(gpu);
  }
  if (wrong.length)
    throw new Error(
      `expected every kernel to be right on ${gpu.name}, got wrong results of ${wrong.join(', ')}: update the graphics driver, or choose another adapter by --device.`,
    );
}

/** Reports the adapter and one `check` line a kernel; answers whether all are sound. A failure does not stop the others. */
export async function doctor(gpu: Gpu, report: Report, list: Check[] = checks()): Promise<boolean> {
  const { limits, adapter } = gpu;
  const say = (text: string) => report({ kind: 'note', text });
  report({ kind: 'device', name: gpu.name, software: gpu.software });
  if (/[a-z]/i.test(adapter.info.vendor)) say(`vendor    ${adapter.info.vendor} ${adapter.info.architecture}`.trimEnd());
  say(`buffers   at most ${size(limits.maxBuffer)} each, ${size(limits.maxBinding)} a binding`);
  say(`features  ${[...gpu.features].join(', ') || 'none of those that help'}; subgroups of at least ${limits.subgroups}`);
  const planning = planningOf(limits, { half: gpu.features.has('shader-f16') });
  let sound = true;
  for (const check of list) {
    const { name, ok, error, detail } = await examine(gpu, planning, check);
    report({ kind: 'check', name, ok, error, detail });
    sound &&= ok;
  }
  return sound;
}

/** Whether products may be in half precision: the device has it and multiplies right by it. Says why not. */
export async function askHalf(gpu: Gpu, report: Report): Promise<boolean> {
  if (!gpu.features.has('shader-f16')) {
    report({ kind: 'warning', text: `${gpu.name} has no shader-f16: products stay f32` });
    return false;
  }
  const planning = planningOf(gpu.limits, { half: true });
  for (const check of halfChecks()) {
    const { ok, detail } = await examine(gpu, planning, check);
    if (ok) continue;
    report({
      kind: 'warning',
      text: `half precision fails its self-test on ${gpu.name} (${detail ?? check.name}): products stay f32`,
    });
    return false;
  }
  return true;
}

async function examine(gpu: Gpu, planning: Planning, check: Check) {
  const { name } = check;
  const why = check.lacks?.(planning);
  if (why) return { name, ok: true, error: null, detail: `not used here: ${why}` };
  try {
    const error = await worst(gpu, planning, check);
    return { name, ok: error <= 1, error, detail: undefined };
  } catch (e) {
    gpu.failed = null; // one kernel's failure is told here, and the next one gets its chance
    return { name, ok: false, error: null, detail: (e as Error).message };
  }
}

/** The largest error of a check's outputs as a share of its bound; Infinity where something is not finite. */
async function worst(gpu: Gpu, planning: Planning, check: Check): Promise<number> {
  const { inputs, build, want } = check.make(planning);
  const outs: Tensor[] = [];
  const traced = (p: Program) =>
    build(p).forEach((t, i) => {
      if (t.home) outs[i] = t;
      else copy(p, t, (outs[i] ??= resident(`out ${i}`, t.shape, 'other')));
    });
  const machine = await prepare(gpu, plan([{ name: check.name, build: traced, dims: {} }], planning));
  try {
    for (const [t, data] of inputs) if (t.home?.buffer) write(gpu.memory, t, data);
    replay(machine, check.name, {});
    let most = 0;
    for (const [i, { values, bound }] of want.entries()) {
      const got = await read(gpu.memory, outs[i]);
      values.forEach((v, k) => {
        const share = Math.abs(got[k] - v) / bound(k);
        most = Math.max(most, Number.isNaN(share) ? Number.POSITIVE_INFINITY : share);
      });
    }
    return most;
  } finally {
    dispose(machine);
  }
}

const size = (bytes: number) => (bytes >= 1 << 30 ? `${(bytes / 2 ** 30).toFixed(1)} GiB` : `${Math.round(bytes / 2 ** 20)} MiB`);
