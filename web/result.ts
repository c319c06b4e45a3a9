// What a run on the page leaves: the files that the command line would write, its receipt as the last.

import { withReceipt } from '../src/commands/receipt.ts';
import type { Options } from '../src/options/table.ts';
import { blobOf, type Model, type RecordedRun, resultFiles } from '../src/parts.ts';
import type { AdapterFile } from './protocol.ts';

/** The files of a run that trained something; `given`: its options, with model and data by their names. */
export async function filesOf(model: Model, { made, record }: RecordedRun, given: Options): Promise<AdapterFile[]> {
  const recorded = { given, record: record!, gpu: model.gpu, runtime: runtimeOf(navigator.userAgent) };
  const files: AdapterFile[] = [];
  for (const file of withReceipt(await resultFiles(model, made!, 'f32'), recorded))
    files.push({ name: file.name, blob: await blobOf(file) });
  return files;
}

/** A browser as a receipt names it: its engine and version. */
const runtimeOf = (agent: string) => (/(Chrome|Firefox|Version)\/[\d.]+/.exec(agent)?.[0] ?? 'a browser').replace('/', ' ');
