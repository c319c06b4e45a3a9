// The GPU of the bench: what it offers, known before anything is loaded, and the model on it for as long as it serves.

import { loadOn } from '../../../src/commands/open.ts';
import { methodFrom } from '../../../src/commands/settings.ts';
import { type Settled, withDefaults } from '../../../src/options/table.ts';
import {
  causeOf,
  closeGpu,
  type Life,
  type Method,
  type Model,
  openFor,
  openGpu,
  planningOf,
  removeAdapter,
} from '../../../src/parts.ts';
import type { Line } from '../../../src/report.ts';
import type { GpuFacts } from '../calls.ts';
import { type Bench, modelOf } from './bench.ts';

/** Finds the adapter and notes its limits; it is not kept open. */
export async function findGpu(b: Bench): Promise<GpuFacts> {
  const gpu = await openGpu();
  const { maxBinding, maxBuffer } = gpu.limits;
  b.planning = planningOf(gpu.limits);
  b.gpu = { name: gpu.name, software: gpu.software, maxBinding, maxBuffer };
  closeGpu(gpu);
  return b.gpu;
}

/** The model on the device as it is stored: loaded anew where the one there will not do. */
export async function freshModel(
  b: Bench,
  o: Settled,
  method: Method,
  positions: number,
  life: Pick<Life, 'losses' | 'report'>,
): Promise<Model> {
  const base = method.movesBase ? 'f32' : o.base;
  const { loaded, tuned } = b;
  if (tuned && loaded && !loaded.model.moved) removeAdapter(tuned.made);
  b.tuned = null;
  const serves =
    loaded !== null &&
    !loaded.model.gpu.failed &&
    !loaded.model.moved &&
    loaded.base === `${base} ${o.arithmetic}` &&
    loaded.positions >= positions;
  if (serves) return loaded.model;
  dropModel(b);
  const progress = (done: number, all: number) => b.tell({ kind: 'bytes', of: 'weights', done, all });
  const opened = modelOf(b);
  const gpu = await openFor({ losses: life.losses, report: (line) => life.report(reloading(line)) }, { device: o.device });
  try {
    const model = await loadOn(gpu, o, { opened, longest: positions, base, progress }, b.tell);
    b.loaded = { model, positions, base: `${base} ${o.arithmetic}` };
    return model;
  } catch (e) {
    const cause = await causeOf(gpu, e);
    closeGpu(gpu);
    throw cause;
  }
}

/** Room for a person's own prompt and its answer, in tokens, beside the rows. */
export const ROOM = 256;

/** The model as it is on the device, put there where it is not yet. */
export const askable = async (b: Bench): Promise<Model> =>
  b.loaded?.model ?? freshModel(b, withDefaults({}), methodFrom(withDefaults({})), ROOM, { losses: 0, report: b.tell });

/** A page has a cure of its own where no GPU is offered after a loss: loaded anew by hand, it is given one. */
const reloading = (line: Line): Line =>
  line.kind === 'warning'
    ? { ...line, text: `${line.text}. Reload this page to have it at once, and then go on with the run` }
    : line;

/** What was done on the model that is loaded; an error that came of the loss of its device says so, and the model is dropped. */
export async function knowing<T>(b: Bench, f: () => Promise<T>): Promise<T> {
  try {
    return await f();
  } catch (e) {
    const cause = b.loaded ? await causeOf(b.loaded.model.gpu, e) : e;
    if (cause !== e) dropModel(b);
    throw cause;
  }
}

/** Frees the device and all that is on it. */
export function dropModel(b: Bench): void {
  if (b.loaded) closeGpu(b.loaded.model.gpu);
  b.loaded = null;
  b.tuned = null;
}
