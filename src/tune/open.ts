// What a run needs, opened from its options: model files, tokenizer, rows, the device with the model on it, an adapter.

import { parseColumns } from '../data/columns.ts';
import { type Dataset, type LoadOptions, loadData, loadPrompts } from '../data/load.ts';
import { loadTokenizer, type Tokenizer } from '../data/tokenizer.ts';
import { closeGpu, type Gpu, openGpu } from '../gpu/device.ts';
import { allocate } from '../gpu/tensor.ts';
import { checkAdapter, loadAdapter, type SmtAdapter } from '../io/adapter.ts';
import { type Folder, openPlace, readText, type Source } from '../io/bytes.ts';
import { type ModelFiles, openModel } from '../io/model.ts';
import { fillBlocks, type SparseMatrix } from '../methods/smt/blocks.ts';
import type { Selection } from '../methods/smt/select.ts';
import { MODULES, type Module, matrixShape, parametersOf } from '../models/decoder.ts';
import type { Settled } from '../options.ts';
import { attach } from './attach.ts';
import { hashOf, loadModel, type Model } from './load.ts';
import type { Line, Report } from './report.ts';

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
  report({ kind: 'note', text: rows.shown });
  return rows;
}

export async function openPrompts(o: Settled, { files, tokenizer }: Opened, places: Places['data'], report: Report) {
  const { prompts, shown } = await withSources(places, async (sources) =>
    loadPrompts(sources, await rowOptions(o, files, tokenizer)),
  );
  report({ kind: 'note', text: shown });
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
    report({ kind: 'start', phase: 'load', total: 1 });
    const model = await loadModel(gpu, files, positions, o.base);
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

/** Puts a saved adapter's blocks on the model. Another base of the same shapes is a warning, another shape an error. */
export async function openAdapter(model: Model, where: string | Folder, train: boolean, report: Report): Promise<SparseMatrix[]> {
  const adapter = await loadAdapter(where);
  if (adapter.method !== 'smt')
    throw new Error(`expected an adapter of SMT, got one of ${adapter.method}: this version does not apply it yet.`);
  checkAdapter(adapter, new Map([...model.files.tensors].map(([name, t]) => [name, t.shape])));
  await warnOfOtherBase(model, adapter, report);
  const matrices = attach(model, selectionOf(adapter), train);
  for (const m of matrices) {
    for (const t of [m.set.delta, m.set.lists]) allocate(model.gpu.memory, t.home!);
    const saved = adapter.matrices.find((a) => a.name === m.weight.name)!;
    fillBlocks(model.gpu.memory, m, inOrder(saved.index, saved.blocks, m.set.index, adapter.block));
  }
  return matrices;
}

async function warnOfOtherBase(model: Model, adapter: SmtAdapter, report: Report): Promise<void> {
  const other: string[] = [];
  for (const { name } of adapter.matrices) {
    const at = placeOf(name);
    const weight = model.decoder.layers[at.layer].matrices[at.module];
    if ((await hashOf(model.files.tensors.get(name)!, weight)) !== adapter.base.sha256[name]) other.push(name);
  }
  if (other.length)
    report({
      kind: 'warning',
      text: `the adapter was trained on other values of ${other.join(', ')}: the same model in another format, or another model of the same shape`,
    });
}

/** The blocks of an adapter, as a selection. */
export function selectionOf(adapter: SmtAdapter): Selection {
  const blocks = adapter.matrices.flatMap(({ name, index }) =>
    Array.from({ length: index.length / 2 }, (_, i) => ({
      ...placeOf(name),
      row: index[2 * i],
      col: index[2 * i + 1],
      score: 0,
    })),
  );
  return { block: adapter.block, blocks };
}

function placeOf(name: string): { layer: number; module: Module } {
  const [, layer, module] = name.match(/^model\.layers\.(\d+)\.(?:self_attn|mlp)\.(\w+)\.weight$/) ?? [];
  if (!MODULES.includes(module as Module))
    throw new Error(`expected blocks of a layer's matrices, got ${name}: the adapter is another model's.`);
  return { layer: Number(layer), module: module as Module };
}

/** Blocks in the order that the device keeps them. */
function inOrder(from: Int32Array, blocks: Float32Array, to: Uint32Array, b: number): Float32Array<ArrayBuffer> {
  const places = new Map<string, number>();
  for (let i = 0; i < from.length / 2; i++) places.set(`${from[2 * i]},${from[2 * i + 1]}`, i);
  const out = new Float32Array(blocks.length);
  for (let i = 0; i < to.length / 2; i++) {
    const at = places.get(`${to[2 * i]},${to[2 * i + 1]}`)!;
    out.set(blocks.subarray(at * b * b, (at + 1) * b * b), i * b * b);
  }
  return out;
}
