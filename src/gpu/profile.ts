// Where the time of a program goes, dispatch by dispatch: timestamps where the device has them, fences elsewhere.

import { arrived, STAMP, stamp } from './arrive.ts';
import { idle } from './device.ts';
import type { Part } from './plan.ts';
import type { Dims } from './program.ts';
import { encodeSteps, type Machine, partOf, tableOf, writeTable } from './run.ts';
import { allocate, free, newScope } from './scope.ts';
import type { Table } from './table.ts';
import { type Home, USAGE } from './tensor.ts';

/** One dispatch (or piece of one that was cut), copy or clear. */
export interface Timed {
  label: string;
  kernel: string;
  ms: number;
  flops: number;
  bytes: number;
}

/** Milliseconds of each dispatch of one run. By timestamps copies and clears count 0; by fences each takes a fence's latency more. */
export async function profile(m: Machine, name: string, dims: Dims): Promise<Timed[]> {
  const part = partOf(m, name);
  const table = tableOf(m, part, dims, 0);
  writeTable(m, part, table);
  await idle(m.gpu);
  const times = await (m.gpu.features.has('timestamp-query') ? byTimestamps : byFences)(m, part, table);
  return table.steps.map((step, i) => {
    const e = table.program.entries[step.entry];
    if (e.op !== 'run')
      return { label: e.op, kernel: e.op, ms: times[i], flops: 0, bytes: e.op === 'copy' ? 2 * e.bytes : e.to.bytes };
    const share = step.grid!.reduce((a, b) => a * b) / e.grid.reduce((a, b) => a * b);
    return { label: e.label, kernel: e.kernel.name, ms: times[i], flops: share * e.flops, bytes: share * e.bytes };
  });
}

/** Dispatches a submit: a query set holds 4096 timestamps at most. */
const AT_ONCE = 64;
// Numbers of GPUBufferUsage
const COPY_SRC = 4;
const QUERY_RESOLVE = 0x200;

async function byTimestamps(m: Machine, part: Part, table: Table): Promise<number[]> {
  const { device } = m.gpu;
  const scope = newScope(m.scope);
  const querySet = device.createQuerySet({ type: 'timestamp', count: 2 * AT_ONCE });
  const bytes = 16 * AT_ONCE;
  const stamps: Home = { name: 'timestamps', bytes, role: 'other', usage: QUERY_RESOLVE | COPY_SRC };
  const staging: Home = { name: 'timestamps read back', bytes: bytes + STAMP, role: 'staging', usage: USAGE.staging };
  const times: number[] = [];
  try {
    for (let from = 0; from < table.steps.length; from += AT_ONCE) {
      const n = Math.min(AT_ONCE, table.steps.length - from);
      const encoder = device.createCommandEncoder();
      for (let i = 0; i < n; i++) {
        const timestampWrites = { querySet, beginningOfPassWriteIndex: 2 * i, endOfPassWriteIndex: 2 * i + 1 };
        encodeSteps(m, part, table, encoder, from + i, from + i + 1, { timestampWrites });
      }
      encoder.resolveQuerySet(querySet, 0, 2 * n, allocate(scope, stamps), 0);
      const number = stamp(device, allocate(scope, staging));
      encoder.copyBufferToBuffer(stamps.buffer!, 0, staging.buffer!, 0, bytes);
      device.queue.submit([encoder.finish()]);
      const t = new BigUint64Array(await arrived(device, staging.buffer!, number));
      for (let i = 0; i < n; i++) times.push(table.steps[from + i].grid ? Number(t[2 * i + 1] - t[2 * i]) / 1e6 : 0);
    }
  } finally {
    free(scope);
    querySet.destroy();
  }
  return times;
}

async function byFences(m: Machine, part: Part, table: Table): Promise<number[]> {
  const { queue } = m.gpu.device;
  const times: number[] = [];
  for (let i = 0; i < table.steps.length; i++) {
    const encoder = m.gpu.device.createCommandEncoder();
    encodeSteps(m, part, table, encoder, i, i + 1);
    const t = performance.now();
    queue.submit([encoder.finish()]);
    await queue.onSubmittedWorkDone();
    times.push(performance.now() - t);
  }
  return times;
}
