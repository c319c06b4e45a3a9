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
  type OpenModel,
  type Row,
  withTokenizer,
} from '../../parts.ts';
import type { Report } from '../../report.ts';
import { openOnGpu } from '../open.ts';
import { type Compared, faultOf, type Rounded } from './compare.ts';
import { otherIds, rowsFor } from './rows.ts';

/** Log-probabilities of the rows' tokens by the model that is meant, and by its base where there is an adapter. */
export interface Meant {
  gpu: Gpu;
  opened: OpenModel;
  rows: Row[];
  tuned: Float32Array;
  base: Float32Array | null;
}

/** Opens the GPU and asks base and adapter; the model is freed again, the GPU stays open. */
export async function measure(o: Settled, opened: OpenModel, adapter: Adapter | undefined, report: Report): Promise<Meant> {
  const rows = rowsFor(opened);
  const model = await openOnGpu(o, opened, longest(rows), report, 'keep');
  const base = await logprobsOf(model, rows);
  if (adapter) await applyAdapter(model, adapter, report);
  const tuned = adapter ? await logprobsOf(model, rows) : base;
  freeModel(model);
  return { gpu: model.gpu, opened, rows, tuned, base: adapter ? base : null };
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
