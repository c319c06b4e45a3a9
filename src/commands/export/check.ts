// An export held against the model that was meant: both on the GPU, one after the other, on the same few rows. What counts as a fault
// is compare.ts.

import type { Exporter } from '../../io/export.ts';
import type { Settled } from '../../options/table.ts';
import {
  type Adapter,
  applyAdapter,
  freeModel,
  type Gpu,
  loadModel,
  logprobsOf,
  type Model,
  type OpenModel,
  planningOf,
  type Row,
  withTokenizer,
} from '../../parts.ts';
import type { Report } from '../../report.ts';
import { loadOn, openOnGpu } from '../open.ts';
import { type Compared, faultOf, type Rounded } from './compare.ts';
import { beginningsOf, otherIds, rowsFor } from './rows.ts';

/** Log-probabilities of the rows' tokens by the model that is meant, and by its base where there is an adapter. */
export interface Meant {
  gpu: Gpu;
  opened: OpenModel;
  rows: Row[];
  tuned: Float32Array;
  base: Float32Array | null;
}

/** Opens a GPU and asks base and adapter on it; the model is freed again, the GPU stays open. */
export async function measure(o: Settled, opened: OpenModel, adapter: Adapter | undefined, report: Report): Promise<Meant> {
  const rows = rowsFor(opened);
  return ask(await openOnGpu(o, opened, longest(rows), report, 'keep'), { opened, adapter, rows }, report);
}

/** The same on a GPU that is open, with the beginnings of some rows of one's own beside those of every export. */
export async function measureOn(gpu: Gpu, o: Settled, asked: Omit<Asked, 'rows'>, own: readonly Row[], report: Report) {
  const { opened } = asked;
  const rows = [...rowsFor(opened), ...beginningsOf(own)];
  return ask(await loadOn(gpu, o, { opened, longest: longest(rows), base: 'keep' }, report), { ...asked, rows }, report);
}

/** The same of a model that was trained in place: it is asked as it is on the device, its base by the files that it came from. */
export async function measureMoved(model: Model, o: Settled, opened: OpenModel, own: readonly Row[], report: Report) {
  const { rows, tuned: base } = await measureOn(model.gpu, o, { opened }, own, report);
  const tuned = await logprobsOf({ ...model, planning: planningOf(model.gpu.limits) }, rows);
  return { gpu: model.gpu, opened, rows, tuned, base };
}

interface Asked {
  opened: OpenModel;
  adapter?: Adapter;
  rows: Row[];
}

async function ask(model: Model, { opened, adapter, rows }: Asked, report: Report): Promise<Meant> {
  try {
    const base = await logprobsOf(model, rows);
    if (adapter) await applyAdapter(model, adapter, report);
    const tuned = adapter ? await logprobsOf(model, rows) : base;
    return { gpu: model.gpu, opened, rows, tuned, base: adapter ? base : null };
  } finally {
    freeModel(model);
  }
}

/** Opens what was written and asks it the same; throws where it is not the model that was meant. */
export async function compareExport(
  { gpu, opened, rows, tuned, base }: Meant,
  open: () => ReturnType<Exporter['open']>,
  { otherTokens, ...o }: { otherTokens: boolean } & Rounded,
): Promise<Compared> {
  const { files, adapter, logprobs = onGpu } = await open();
  const again = withTokenizer(files);
  try {
    const [other] = otherTokens ? [] : otherIds(opened, again);
    if (other) throw new Error(`expected the tokenizer's own ids of every text, got others of ${JSON.stringify(other)}`);
    const compared = { exported: await logprobs(rows), tuned, base };
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

const longest = (rows: Row[]) => Math.max(...rows.map(({ ids }) => ids.length));
