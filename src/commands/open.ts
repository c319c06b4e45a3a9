// What a run needs, opened from its options: model files, tokenizer, rows, the device with the model on it.

import { parseColumns } from '../data/columns.ts';
import { type Dataset, type LoadOptions, loadData, loadPrompts } from '../data/load.ts';
import { loadTokenizer, type Tokenizer } from '../data/tokenizer.ts';
import { closeGpu, type Gpu, openGpu } from '../gpu/device.ts';
import { planningOf } from '../gpu/limits.ts';
import { type Folder, openPlace, readText, type Source } from '../io/bytes.ts';
import { type ModelFiles, openModel } from '../io/model.ts';
import { MODULES, matrixShape, parametersOf } from '../models/decoder.ts';
import type { Settled } from '../options/table.ts';
import type { Line, Report } from '../report.ts';
import { fallback, loadModel, type Model } from '../train/model.ts';
import { askHalf } from './doctor/doctor.ts';

/** Where things lie: texts as people write them, or folders and files that a page holds. */
export interface Places {
  model: string | Folder | Source;
  data: (string | Source)[];
}

export interface Opened {
  files: ModelFiles;
  tokenizer: Tokenizer;
}

/** Opens a model's files and its tokenizer; nothing is read but headers. */
export async function openFiles(o: Settled, model: Places['model'], report: Report): Promise<Opened> {
  const files = await openModel(model, { hub: o.hub, note: (text) => report({ kind: 'note', text }) });
  const { bos_token_id: bos, eos_token_ids } = files.config;
  return { files, tokenizer: loadTokenizer({ ...files.tokenizer, bos, eos: eos_token_ids[0] ?? null }) };
}

/** The rows of data files, as the options say. What was found and left out is reported. */
export async function openRows(
  o: Settled,
  { files, tokenizer }: Opened,
  places: Places['data'],
  report: Report,
): Promise<Dataset> {
  const rows = await withSources(places, async (sources) =>
    loadData(sources, { ...(await rowOptions(o, files, tokenizer)), max_length: o.maxLength }),
  );
  report({ kind: 'note', about: 'data', text: rows.shown });
  return rows;
}

export async function openPrompts(o: Settled, { files, tokenizer }: Opened, places: Places['data'], report: Report) {
  const { prompts, shown } = await withSources(places, async (sources) =>
    loadPrompts(sources, await rowOptions(o, files, tokenizer)),
  );
  report({ kind: 'note', about: 'data', text: shown });
  return prompts;
}

async function rowOptions(o: Settled, files: ModelFiles, tokenizer: Tokenizer): Promise<Omit<LoadOptions, 'max_length'>> {
  const named = ['auto', 'alpaca', 'chat', 'plain'].includes(o.template);
  return {
    tokenizer,
    vocab_size: files.config.vocab_size,
    learn: o.learn,
    template: named ? o.template : await withSources([o.template], ([source]) => readText(source)),
    columns: o.columns === undefined ? undefined : parseColumns(o.columns),
    skip_bad_rows: o.skipBadRows ?? false,
  };
}

async function withSources<T>(places: Places['data'], use: (sources: Source[]) => Promise<T>): Promise<T> {
  const sources: Source[] = [];
  try {
    for (const place of places) sources.push(typeof place === 'string' ? await fileAt(place) : place);
    return await use(sources);
  } finally {
    for (const s of sources) await s.close();
  }
}

async function fileAt(where: string): Promise<Source> {
  const place = await openPlace(where);
  if ('source' in place) return place.source;
  throw new Error(`expected a file at ${where}, got a folder; name the file in it`);
}

/** Opens the GPU and puts the model on it. positions: the longest row it will see. */
export async function openOnGpu(o: Settled, files: ModelFiles, positions: number, report: Report): Promise<Model> {
  const gpu: Gpu = await openGpu({ device: o.device });
  report({ kind: 'device', name: gpu.name, software: gpu.software });
  try {
    const half = o.arithmetic === 'f16' && (await askHalf(gpu, report));
    report({ kind: 'start', phase: 'load', total: 1 });
    const model = await loadModel(gpu, files, positions, o.base);
    model.planning = planningOf(model.planning, { half });
    const other = fallback(model.decoder, o.base);
    if (other) report({ kind: 'note', text: other });
    report(modelLine(model));
    return model;
  } catch (e) {
    closeGpu(gpu);
    throw e;
  }
}

function modelLine({ files, decoder: d }: Model): Extract<Line, { kind: 'model' }> {
  const parameters = parametersOf(d).reduce((n, w) => n + ('windows' in w ? w.rows * w.cols : w.value.shape[0]), 0);
  const modules = Object.fromEntries(MODULES.map((m) => [m, matrixShape(d.config, m)]));
  return { kind: 'model', name: files.name, parameters, layers: d.layers.length, modules };
}
