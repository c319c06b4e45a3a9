// Kernels timed on a device: many runs in one submit, by timestamps where the device has them, by fences elsewhere.

import { arrived, STAMP, stamp } from './arrive.ts';
import { type Gpu, idle } from './device.ts';
import { planningOf } from './limits.ts';
import { type Part, plan } from './plan.ts';
import type { Build } from './program.ts';
import { dispose, encodeSteps, type Machine, partOf, prepare, tableOf, writeTable } from './run.ts';
import { allocate } from './scope.ts';
import type { Table } from './table.ts';
import { type Home, USAGE } from './tensor.ts';

/** What kernels are timed with: a device and its clock. */
export interface Stopwatch {
  /** What the times are of. */
  name: string;
  now(): number;
  /** Milliseconds that a reading should have at least, for the clock to be trusted. */
  least: number;
  /** Makes a kernel ready to be run; rejects where the device refuses it. */
  open(build: Build): Promise<Ready>;
  /** What has ended the device, if anything. */
  failed(): Error | null;
}

/** A kernel ready to be run. */
export interface Ready {
  /** Milliseconds of so many runs in one submit, as far as the clock sees them: 0 is too short for it, not a failure. */
  time(times: number): Promise<number>;
  close(): void;
}

/** Timestamps may be rounded to a tenth of a millisecond; a fence may be ten late. */
const LEAST_MS = { timestamps: 10, fences: 40 };
/** A submit that takes this long shows in any clock: timestamps that do not see it are none. */
const VISIBLE_MS = 100;
// Numbers of GPUBufferUsage
const COPY_SRC = 4;
const QUERY_RESOLVE = 0x200;

/** Runs in one submit at most. */
const MOST_TIMES = 1 << 14;

/** A reading of at least so many milliseconds: with more than `times` runs in the submit where it takes them. */
export async function reading(ready: Pick<Ready, 'time'>, least: number, times = 1): Promise<{ ms: number; times: number }> {
  let ms = await ready.time(times);
  while (ms < least && times < MOST_TIMES) {
    const more = ms > 0 ? Math.min(16, Math.max(2, Math.ceil((1.5 * least) / ms))) : 16;
    times = Math.min(MOST_TIMES, times * more);
    ms = await ready.time(times);
  }
  // what even so many runs do not show is taken as the least that could be seen
  return { ms: Math.max(ms, least / 100), times };
}

/** The clock of a device. */
export function stopwatch(gpu: Gpu): Stopwatch {
  return {
    name: gpu.name,
    now: () => performance.now(),
    least: gpu.features.has('timestamp-query') ? LEAST_MS.timestamps : LEAST_MS.fences,
    open: (build) => open(gpu, build),
    failed: () => gpu.failed,
  };
}

async function open(gpu: Gpu, build: Build): Promise<Ready> {
  const machine = await prepare(gpu, plan([{ name: 'timed', build, dims: {} }], planningOf(gpu.limits)));
  const stamps = gpu.features.has('timestamp-query') ? newStamps(machine) : null;
  const close = () => {
    dispose(machine);
    stamps?.querySet.destroy();
  };
  const time = async (times: number) => {
    const part = partOf(machine, 'timed');
    const table = tableOf(machine, part, {}, 0);
    writeTable(machine, part, table);
    const many = { ...table, steps: Array.from({ length: times }, () => table.steps).flat() };
    await idle(gpu);
    const since = performance.now();
    const seen = await (stamps ? byTimestamps(machine, part, many, stamps) : byFence(machine, part, many));
    const passed = performance.now() - since;
    return seen > 0 || passed < VISIBLE_MS ? seen : passed;
  };
  try {
    await time(1); // what is done at the first run alone
    return { time, close };
  } catch (e) {
    close();
    throw e;
  }
}

async function byFence(m: Machine, part: Part, table: Table): Promise<number> {
  const since = performance.now();
  const encoder = m.gpu.device.createCommandEncoder();
  encodeSteps(m, part, table, encoder, 0, table.steps.length);
  m.gpu.device.queue.submit([encoder.finish()]);
  await idle(m.gpu);
  return performance.now() - since;
}

interface Stamps {
  querySet: GPUQuerySet;
  written: Home;
  staging: Home;
}

function newStamps({ gpu, scope }: Machine): Stamps {
  const querySet = gpu.device.createQuerySet({ type: 'timestamp', count: 2 });
  const written: Home = { name: 'timestamps', bytes: 16, role: 'other', usage: QUERY_RESOLVE | COPY_SRC };
  const staging: Home = { name: 'timestamps read back', bytes: 16 + STAMP, role: 'staging', usage: USAGE.staging };
  for (const home of [written, staging]) allocate(scope, home);
  return { querySet, written, staging };
}

/** From the beginning of the one pass that the dispatches share to its end. */
async function byTimestamps(m: Machine, part: Part, table: Table, { querySet, written, staging }: Stamps): Promise<number> {
  const encoder = m.gpu.device.createCommandEncoder();
  const timestampWrites = { querySet, beginningOfPassWriteIndex: 0, endOfPassWriteIndex: 1 };
  encodeSteps(m, part, table, encoder, 0, table.steps.length, { timestampWrites });
  const number = stamp(m.gpu.device, staging.buffer!);
  encoder.resolveQuerySet(querySet, 0, 2, written.buffer!, 0);
  encoder.copyBufferToBuffer(written.buffer!, 0, staging.buffer!, 0, written.bytes);
  m.gpu.device.queue.submit([encoder.finish()]);
  const [begin, end] = new BigUint64Array(await arrived(m.gpu.device, staging.buffer!, number));
  return Number(end - begin) / 1e6;
}
