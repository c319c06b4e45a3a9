// Receipts: what a run was of, by what it was computed, all that it told and the sums of what it left, as receipt.json beside its
// result. Nothing in one says when or where a run was, so that a run that was stopped and resumed leaves the receipt of one that
// never was. A receipt from elsewhere is held to a schema; making its run again is replay.ts.

import * as v from 'valibot';
import { RECEIPT } from '../io/adapter.ts';
import { sha256, sha256Of } from '../io/hash.ts';
import { fitting, whole } from '../io/schema.ts';
import type { FileToWrite } from '../io/write.ts';
import { readRecipe, recipeOf } from '../options/recipe.ts';
import type { Key, Options } from '../options/table.ts';
import { type Gpu, type Identity, RECORDED, type RunRecord } from '../parts.ts';
import { version } from '../version.ts';

/** Of the recipe: where a run is kept and what runs it, which the receipt says itself or a replay is told anew. */
const NOT_THE_RUNS: Key[] = ['checkpointEvery', 'keep', 'tensorboard', 'device', 'runtime', 'tune'];

const { hash, curve, rates, kernels, settings } = RECORDED;

const SCHEMA = v.object({
  receipt: v.literal(1, 'expected 1, the form that this version reads'),
  /** Of blocktune. */
  version: v.string(),
  runtime: v.string(),
  device: v.object({
    name: v.string(),
    software: v.boolean(),
    max_binding: whole(1),
    max_buffer: whole(1),
    subgroups: whole(0),
  }),
  /** Kernel variants that were measured and taken, by class of shapes; all others are the default. */
  kernels,
  /** Every setting, defaults included, as `train FILE` takes it. */
  recipe: v.record(v.string(), v.unknown()),
  model: v.object({ config: hash, weights: hash }),
  rows: v.object({ data: hash, held: hash }),
  start: hash,
  /** What decides figures, as the run settled it. */
  settings,
  rates,
  /** Of the chosen blocks, best first. */
  blocks: v.nullable(hash),
  curve,
  /** Of the files beside it. */
  result: v.record(v.string(), v.object({ bytes: whole(0), sha256: hash })),
});

export type Receipt = v.InferOutput<typeof SCHEMA>;

/** A receipt from JSON, with its recipe as options; errors name the field. */
export function receiptIn(json: unknown, file: string): { receipt: Receipt; options: Options } {
  const receipt = fitting(SCHEMA, json, file);
  const { loss, grad_norm } = receipt.curve;
  if (loss.length !== grad_norm.length)
    throw new Error(
      `expected as many values in curve.grad_norm of ${file} as in curve.loss, got ${grad_norm.length} and ${loss.length}; the file is damaged`,
    );
  try {
    return { receipt, options: readRecipe('train', receipt.recipe) };
  } catch (e) {
    throw new Error(`recipe in ${file}: ${(e as Error).message}`);
  }
}

/** What the run of a receipt was of. */
export const identityIn = ({ model, rows, start, settings }: Receipt): Identity => ({ ...model, ...rows, start, settings });

/** What a receipt is made of beside the sums of the result. */
export interface Recorded {
  given: Options;
  record: RunRecord;
  gpu: Pick<Gpu, 'name' | 'software' | 'limits'>;
  runtime?: string;
}

/** The receipt of a run that left these files. */
export async function receiptOf(
  { given, record, gpu, runtime = 'not told' }: Recorded,
  result: Receipt['result'],
): Promise<Receipt> {
  const { config, weights, data, held, start, settings } = await record.of();
  const { kernels, rates, curve, blocks } = record;
  const recipe = Object.entries(recipeOf('train', given)).filter(([key]) => !NOT_THE_RUNS.includes(key as Key));
  const { maxBinding, maxBuffer, subgroups } = gpu.limits;
  return {
    receipt: 1,
    version,
    runtime,
    device: { name: gpu.name, software: gpu.software, max_binding: maxBinding, max_buffer: maxBuffer, subgroups },
    kernels,
    recipe: Object.fromEntries(recipe),
    model: { config, weights },
    rows: { data, held },
    start,
    settings,
    rates,
    blocks: blocks && (await sha256(new TextEncoder().encode(JSON.stringify(blocks)))),
    curve,
    result,
  };
}

/** A run's files with its receipt as the last: their sums are taken as they are written. `made` hears of the receipt. */
export function withReceipt(
  files: FileToWrite[],
  recorded: Recorded,
  made: (receipt: Receipt) => void = () => {},
): FileToWrite[] {
  const result: Receipt['result'] = {};
  const summed = files.map(({ name, chunks }) => ({
    name,
    chunks: sha256Of(chunks, (sum) => {
      result[name] = sum;
    }),
  }));
  async function* receipt() {
    const all = await receiptOf(recorded, result);
    made(all);
    yield new TextEncoder().encode(textOf(all));
  }
  return [...summed, { name: RECEIPT, chunks: receipt() }];
}

/** A line a field: curves are long. */
function textOf(receipt: Receipt): string {
  const fields = Object.entries(receipt).map(([key, value]) => `  ${JSON.stringify(key)}: ${JSON.stringify(value)}`);
  return `{\n${fields.join(',\n')}\n}\n`;
}
