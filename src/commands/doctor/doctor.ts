// doctor: what adapter there is, what it offers, and whether every kernel is right on it: small inputs against f64 on the host.

import { closeGpu, type Gpu, openGpu } from '../../gpu/device.ts';
import { planningOf } from '../../gpu/limits.ts';
import type { Report } from '../../report.ts';
import type { Task } from '../task.ts';
import type { Check } from './check.ts';
import { checks } from './checks.ts';
import { examine } from './examine.ts';
import { halfChecks } from './products.ts';

/** The verb: fails where a kernel does. */
export async function doctorVerb({ o, report }: Pick<Task, 'o' | 'report'>): Promise<void> {
  const gpu = await openGpu({ device: o.device });
  let wrong: string[] = [];
  try {
    wrong = await doctor(gpu, report);
  } finally {
    closeGpu(gpu);
  }
  if (wrong.length)
    throw new Error(
      `expected every kernel to be right on ${gpu.name}, got wrong results of ${wrong.join(', ')}: update the graphics driver, or choose another adapter by --device.`,
    );
}

/**
 * Reports the adapter and one `check` line a kernel's form; answers the names of those that are wrong.
 * A failure does not stop the others.
 */
export async function doctor(gpu: Gpu, report: Report, list: Check[] = checks()): Promise<string[]> {
  const say = (text: string) => report({ kind: 'note', text });
  report({ kind: 'device', name: gpu.name, software: gpu.software });
  for (const text of adapterWords(gpu)) say(text);
  const has = planningOf(gpu.limits, { half: gpu.features.has('shader-f16') });
  const names: Record<'right' | 'wrong' | 'lacking', string[]> = { right: [], wrong: [], lacking: [] };
  report({ kind: 'start', phase: 'checks', total: list.length });
  for (const check of list) {
    const { state, error, detail } = await examine(gpu, check, has);
    names[state].push(check.name);
    const words = state === 'lacking' ? `not on this adapter: ${detail}` : detail;
    report({ kind: 'check', name: check.name, ok: state !== 'wrong', state, error, detail: words });
  }
  say(`kernels   ${names.right.length} right, ${names.wrong.length} wrong, ${names.lacking.length} not on this adapter`);
  return names.wrong;
}

/** Whether products may be in half precision: the device has it and multiplies right by it. Says why not. */
export async function askHalf(gpu: Gpu, report: Report): Promise<boolean> {
  const no = (text: string) => {
    report({ kind: 'warning', text: `${text}: products stay f32` });
    return false;
  };
  if (!gpu.features.has('shader-f16')) return no(`${gpu.name} has no shader-f16`);
  for (const check of halfChecks()) {
    const { state, detail } = await examine(gpu, check, planningOf(gpu.limits, { half: true }));
    if (state !== 'right') return no(`half precision fails its self-test on ${gpu.name} (${detail ?? check.name})`);
  }
  return true;
}

/** What an adapter is, its limits, and what it can do beyond WebGPU's minimum. */
function adapterWords({ adapter, device, limits, features }: Gpu): string[] {
  const { info } = adapter;
  const own = device.limits;
  const [x, y, z] = [own.maxComputeWorkgroupSizeX, own.maxComputeWorkgroupSizeY, own.maxComputeWorkgroupSizeZ];
  const also = [...adapter.features].filter((name) => !features.has(name)).sort();
  return [
    ...(/[a-z]/i.test(info.vendor) ? [`vendor    ${info.vendor} ${info.architecture}`.trimEnd()] : []),
    `buffers   at most ${size(limits.maxBuffer)} each, ${size(limits.maxBinding)} a binding, ${own.maxStorageBuffersPerShaderStage} a kernel`,
    `groups    at most ${own.maxComputeInvocationsPerWorkgroup} invocations (${x} x ${y} x ${z}) with ${size(own.maxComputeWorkgroupStorageSize)}, ${own.maxComputeWorkgroupsPerDimension} groups an axis`,
    `features  ${[...features].sort().join(', ') || 'none of those that help'}`,
    ...(also.length ? [`not used  ${also.join(', ')}`] : []),
    `lanes     ${limits.subgroups ? `subgroups of ${info.subgroupMinSize} to ${info.subgroupMaxSize}` : 'no subgroups'}`,
  ];
}

function size(bytes: number): string {
  if (bytes >= 1 << 30) return `${(bytes / 2 ** 30).toFixed(1)} GiB`;
  return bytes >= 1 << 20 ? `${Math.round(bytes / 2 ** 20)} MiB` : `${Math.round(bytes / 2 ** 10)} KiB`;
}
