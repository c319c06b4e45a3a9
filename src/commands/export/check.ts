// An export held against the model that was meant: both on the GPU, one after the other, on the same few rows. What counts as a fault
// is compare.ts.

import type { Exporter, Opened } from '../../io/export.ts';
import type { Settled } from '../../options/table.ts';
import {
  type Adapter,
  applyAdapter,
  freeModel,
  type Gpu,
  loadModel,
  logitsOf,
  logprobsOf,
  type Model,
  type OpenModel,
  planningOf,
  type Row,
  withTokenizer,
} from '../../parts.ts';
import type { Report } from '../../report.ts';
import { loadOn, openOnGpu } from '../open.ts';
import { type Compared, faultOf, largest, logprobsIn, type Rounded } from './compare.ts';
import { beginningsOf, otherIds, rowsFor } from './rows.ts';

/** Log-probabilities of the rows' tokens by the model that is meant, and by its base where there is an adapter. */
export interface Meant {
  gpu: Gpu;
  opened: OpenModel;
  rows: Row[];
  tuned: Float32Array;
  base: Float32Array | null;
  /** All logits of the rows of one's own by the model that is meant, the last of the rows; absent where nobody asked. */
  logits?: Float32Array[];
}

/** Opens a GPU and asks base and adapter on it; the model is freed again, the GPU stays open. */
export async function measure(o: Settled, opened: OpenModel, adapter: Adapter | undefined, report: Report): Promise<Meant> {
  const rows = rowsFor(opened);
  return ask(await openOnGpu(o, opened, longest(rows), report, 'keep'), { opened, adapter, rows }, report);
}

/** Rows of one's own whose beginnings are asked too; logits: all of theirs are wanted. */
export interface Own {
  all: readonly Row[];
  logits: boolean;
}

/** The same on a GPU that is open, on one's own rows too. */
export async function measureOn(
  gpu: Gpu,
  o: Settled,
  asked: Pick<Asked, 'opened' | 'adapter'>,
  { all, logits }: Own,
  report: Report,
) {
  const { opened } = asked;
  const own = beginningsOf(all);
  const rows = [...rowsFor(opened), ...own];
  const model = await loadOn(gpu, o, { opened, longest: longest(rows), base: 'keep' }, report);
  return ask(model, { ...asked, rows, own: logits ? own : undefined }, report);
}

/** The same of a model that was trained in place: it is asked as it is on the device, its base by the files that it came from. */
export async function measureMoved(model: Model, o: Settled, opened: OpenModel, own: Own, report: Report) {
  const { rows, tuned: base } = await measureOn(model.gpu, o, { opened }, { ...own, logits: false }, report);
  const asked = { ...model, planning: planningOf(model.gpu.limits) };
  const logits = own.logits ? await allLogits(asked, beginningsOf(own.all)) : undefined;
  return { gpu: model.gpu, opened, rows, tuned: await logprobsOf(asked, rows), base, logits };
}

interface Asked {
  opened: OpenModel;
  adapter?: Adapter;
  rows: Row[];
  /** Those of the rows whose logits are wanted. */
  own?: Row[];
}

async function ask(model: Model, { opened, adapter, rows, own }: Asked, report: Report): Promise<Meant> {
  try {
    const base = await logprobsOf(model, rows);
    if (adapter) await applyAdapter(model, adapter, report);
    const tuned = adapter ? await logprobsOf(model, rows) : base;
    const logits = own && (await allLogits(model, own));
    return { gpu: model.gpu, opened, rows, tuned, base: adapter ? base : null, logits };
  } finally {
    freeModel(model);
  }
}

async function allLogits(model: Model, rows: Row[]): Promise<Float32Array[]> {
  const all: Float32Array[] = [];
  for (const row of rows) all.push(await logitsOf(model, row));
  return all;
}

/** Opens what was written and asks it the same; throws where it is not the model that was meant. */
export async function compareExport(
  meant: Meant,
  open: () => ReturnType<Exporter['open']>,
  { otherTokens, ...o }: { otherTokens: boolean } & Rounded,
): Promise<Compared> {
  const { gpu, opened, rows, tuned, base } = meant;
  const { files, adapter, logits } = await open();
  const again = withTokenizer(files);
  try {
    const [other] = otherTokens ? [] : otherIds(opened, again);
    if (other) throw new Error(`expected the tokenizer's own ids of every text, got others of ${JSON.stringify(other)}`);
    const said = logits ? await byLogits(meant, logits) : { exported: await onGpu() };
    const compared = { ...said, tuned, base };
    const fault = faultOf(compared, o);
    if (fault) throw new Error(fault);
    return compared;
  } finally {
    if (files !== opened.files) await files.close();
  }
  async function onGpu(): Promise<Float32Array> {
    const model = await loadModel(gpu, again, { longest: longest(rows) });
    try {
      if (adapter) await applyAdapter(model, adapter);
      return await logprobsOf(model, rows);
    } finally {
      freeModel(model);
    }
  }
}

/** What another program says of the rows, a row at a time, and how far its logits are from those that are known. */
async function byLogits({ rows, logits = [] }: Meant, ask: NonNullable<Opened['logits']>) {
  const exported: number[] = [];
  const away: number[] = [];
  for (const [i, { ids, labels }] of rows.entries()) {
    const got = await ask(ids);
    exported.push(...logprobsIn(got, labels));
    const known = logits.at(i - rows.length);
    if (i >= rows.length - logits.length && known) away.push(largest(got, known));
  }
  return { exported: Float32Array.from(exported), logits: away };
}

const longest = (rows: Row[]) => Math.max(...rows.map(({ ids }) => ids.length));
