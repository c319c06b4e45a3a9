// The verb `inspect`: what is in model, adapter, data and selection files, and whether they are sound. The strict readers of
// the run do the checking, so what is called sound here loads there.

import { type DataRecord, detect } from '../data/columns.ts';
import { readRecords } from '../data/read.ts';
import { loadTokenizer } from '../data/tokenizer.ts';
import { loadAdapter, partsOf } from '../io/adapter.ts';
import { endingOf, type Folder, openPlace, readJson, type Source } from '../io/bytes.ts';
import { inspectFile } from '../io/headers.ts';
import { type ModelFiles, openConfig, openModelFiles, readTokenizer } from '../io/model.ts';
import { onnxGraph, onnxTensors } from '../io/onnx/read.ts';
import { storedBytes } from '../io/tensors.ts';
import { elementsOf, selectionIn } from '../parts.ts';
import { several } from '../words.ts';
import type { Task } from './task.ts';

/** One line a file; throws at the end where any is unsound. */
export async function inspectVerb({ files, report }: Task): Promise<void> {
  let unsound = 0;
  for (const path of files) {
    const found = await inspectPlace(path).catch((e: Error) => e);
    const error = found instanceof Error ? found.message : null;
    if (error !== null) unsound++;
    report({ kind: 'file', path, ok: error === null, error });
    if (!(found instanceof Error)) for (const text of found) report({ kind: 'note', text: `  ${text}` });
  }
  if (unsound)
    throw new Error(`expected sound files, got ${unsound} of ${files.length} that are not; what is wrong is said with each.`);
}

/** What is there, in lines of text; throws where it is not sound. */
async function inspectPlace(path: string): Promise<string[]> {
  const place = await openPlace(path);
  if ('folder' in place) return inspectFolder(path, place.folder);
  const { source } = place;
  try {
    return await inspectSource(path, source);
  } finally {
    await source.close();
  }
}

async function inspectFolder(path: string, folder: Folder): Promise<string[]> {
  const described = await folder.file('adapter_config.json');
  await described?.close();
  if (described) return adapterFacts(path);
  const graph = await onnxGraph(folder);
  return graph ? onnxFacts(folder, graph) : modelFacts(path);
}

async function inspectSource(path: string, source: Source): Promise<string[]> {
  const ending = endingOf(source.name);
  if (ending === 'gguf') return modelFacts(path);
  if (['jsonl', 'ndjson', 'csv', 'tsv', 'txt', 'parquet'].includes(ending)) return dataFacts(source);
  if (ending === 'json') return jsonFacts(path, source);
  const { kind, metadata, tensors } = await inspectFile(source);
  return [`${kind}, ${tensors.length} tensors`, ...pairs(metadata), ...tensorFacts(tensors)];
}

/** A .json file may be a model's config, an index of shards, a tokenizer, a selection, or data. */
async function jsonFacts(path: string, source: Source): Promise<string[]> {
  const head = new TextDecoder().decode(await source.read(0, Math.min(source.size, 64)));
  if (/^\s*\[/.test(head)) return dataFacts(source); // a list is data, and no JSON object as all the others are
  const json: any = await readJson(source);
  if (json.model_type !== undefined || json.architectures !== undefined) return configFacts(await openConfig(path));
  if (Array.isArray(json.blocks) && json.block !== undefined) return selectionFacts(selectionIn(json));
  if (json.model?.vocab !== undefined) return tokenizerFacts({ json, config: {} });
  if (Object.values(json).filter(Array.isArray).length === 1) return dataFacts(source);
  return ['JSON', ...pairs(json)];
}

// --- models -----------------------------------------------------------------------------------------------------------

async function modelFacts(path: string): Promise<string[]> {
  const files = await openModelFiles(path);
  try {
    const form = { hf: 'Hugging Face folder', 'hf-sharded': 'Hugging Face folder in shards', gguf: 'GGUF' }[files.form];
    const tensors = [...files.tensors.values()].map((t) => ({ ...t, bytes: storedBytes(t) }));
    return [form, ...configFacts(files.config), ...tokenizerFacts(files.tokenizer), ...total(tensors), ...tensorFacts(tensors)];
  } finally {
    await files.close();
  }
}

async function onnxFacts(folder: Folder, graph: string): Promise<string[]> {
  const tensors = (await onnxTensors(folder, graph)).filter((t) => t.bytes > LEAST);
  const facts = [...configFacts(await openConfig(folder)), ...tokenizerFacts(await readTokenizer(folder))];
  const bytes = tensors.reduce((n, t) => n + t.bytes, 0);
  return [`ONNX folder, ${graph}`, ...facts, `tensors    ${tensors.length}, ${bytes} bytes`, ...tensorFacts(tensors)];
}

/** Bytes of numbers that a graph is understood by: no weights. */
const LEAST = 64;

function configFacts(c: ModelFiles['config']): string[] {
  const rope = c.rope.scaling ? ` (${c.rope.scaling.type})` : '';
  const nope = c.nope_layers.length ? `, no RoPE in layers ${c.nope_layers.join(' ')}` : '';
  return [
    `config     ${c.model_type}, ${c.n_layers} layers, hidden_size ${c.hidden_size}, intermediate_size ${c.intermediate_size}, vocabulary ${c.vocab_size}`,
    `           ${c.n_heads} heads (${c.n_kv_heads} for keys and values) of ${c.head_dim}, rope_theta ${c.rope.theta}${rope}${nope}, ${c.max_position_embeddings} positions`,
    `           ${c.tie_word_embeddings ? 'tied' : 'untied'} embeddings, ends at ${c.eos_token_ids.join(', ') || 'no token'}`,
  ];
}

function tokenizerFacts(files: ModelFiles['tokenizer']): string[] {
  const t = loadTokenizer(files);
  const named = Object.entries(t.named).map(([name, text]) => `${name.replace(/_token$/, '')} ${JSON.stringify(text)}`);
  const kind = files.json.model?.type ?? 'model';
  return [
    `tokenizer  ${kind}, ${t.vocab_size} ids${named.length ? `, ${named.join(', ')}` : ''}, ${t.chatTemplate ? 'with' : 'without'} a chat template`,
  ];
}

interface Listed {
  name: string;
  format: string;
  shape: number[];
  bytes: number;
}

function total(tensors: Listed[]): string[] {
  const elements = tensors.reduce((n, t) => n + elementsOf(t.shape), 0);
  const bytes = tensors.reduce((n, t) => n + t.bytes, 0);
  return [`tensors    ${tensors.length}, ${elements} parameters, ${bytes} bytes`];
}

/** Tensors alike in all layers share a line: the name with {first-last} for the layer. */
function tensorFacts(tensors: Listed[]): string[] {
  const groups = new Map<string, { of: Listed; layers: number[]; bytes: number }>();
  for (const t of tensors) {
    const [, before, layer, after] = /^(.*?\b(?:layers|blk)\.)(\d+)(\..*)$/.exec(t.name) ?? [];
    const key = `${layer === undefined ? t.name : `${before}*${after}`} ${t.format} ${t.shape.join(' x ')}`;
    const group = groups.get(key) ?? { of: t, layers: [], bytes: 0 };
    if (layer !== undefined) group.layers.push(Number(layer));
    group.bytes += t.bytes;
    groups.set(key, group);
  }
  const rows = [...groups.values()].map(({ of, layers, bytes }) => {
    const name = layers.length > 1 ? of.name.replace(/((?:layers|blk)\.)\d+/, `$1{${ranges(layers)}}`) : of.name;
    return { name, what: `[${of.shape.join(', ')}]`, format: of.format, bytes: `${bytes} bytes` };
  });
  const wide = (key: keyof (typeof rows)[0]) => rows.reduce((n, r) => Math.max(n, r[key].length), 0);
  const [name, what, format, bytes] = (['name', 'what', 'format', 'bytes'] as const).map(wide);
  return rows.map(
    (r) => `${r.name.padEnd(name)}  ${r.what.padEnd(what)}  ${r.format.padEnd(format)}  ${r.bytes.padStart(bytes)}`,
  );
}

/** 0-3,5 */
function ranges(numbers: number[]): string {
  const sorted = [...numbers].sort((a, b) => a - b);
  const runs: [number, number][] = [];
  for (const n of sorted) {
    const last = runs.at(-1);
    if (last && n === last[1] + 1) last[1] = n;
    else runs.push([n, n]);
  }
  return runs.map(([a, b]) => (a === b ? a : `${a}-${b}`)).join(',');
}

// --- the others -------------------------------------------------------------------------------------------------------

async function adapterFacts(path: string): Promise<string[]> {
  const adapter = await loadAdapter(path);
  const facts = partsOf(adapter).flatMap(partFacts);
  return 'share' in adapter ? [`${adapter.method} adapter of two parts, ${adapter.share} of it to be blocks`, ...facts] : facts;
}

function partFacts(adapter: ReturnType<typeof partsOf>[number]): string[] {
  if ('rank' in adapter)
    return [
      `${adapter.method} adapter, rank ${adapter.rank}, alpha ${adapter.alpha}, of ${adapter.targets.join(', ')}`,
      ...adapter.matrices.map((m) => `${m.name}  [${m.shape.join(', ')}]${ownOf(m)}`),
    ];
  const n = adapter.matrices.reduce((sum, m) => sum + m.index.length / 2, 0);
  const { block, matrices, base } = adapter;
  const unmoved = matrices.filter((m) => m.blocks.every((x) => x === 0)).length;
  return [
    `${adapter.method} adapter, ${several(n, 'block')} of ${block} x ${block} in ${matrices.length} of ${Object.keys(base.shapes).length} matrices, ${n * block * block} parameters`,
    `targets ${adapter.targets.join(',')}, score ${adapter.score}, budget ${adapter.budget}, seed ${adapter.seed}, by blocktune ${adapter.version}`,
    ...(unmoved ? [`${unmoved} of the matrices hold only zeros: they did not train`] : []),
    ...matrices.map((m) => `${m.name}  [${base.shapes[m.name].join(', ')}]  ${several(m.index.length / 2, 'block')}`),
  ];
}

const ownOf = ({ rank, alpha }: { rank?: number; alpha?: number }) =>
  `${rank === undefined ? '' : `  rank ${rank}`}${alpha === undefined ? '' : `  alpha ${alpha}`}`;

function selectionFacts({ block, blocks }: ReturnType<typeof selectionIn>): string[] {
  const modules = new Map<string, number>();
  for (const b of blocks) modules.set(b.module, (modules.get(b.module) ?? 0) + 1);
  const counts = [...modules].map(([module, n]) => `${module} ${n}`);
  return [`selection, ${several(blocks.length, 'block')} of ${block} x ${block}: ${counts.join(', ')}`];
}

/** Every row is looked at; tokens are not made, as that takes a model. */
async function dataFacts(source: Source): Promise<string[]> {
  const { records, shown } = await readRecords(source);
  const forms = new Map<string, number>();
  for (const read of records) {
    if (read.fault !== undefined) throw new Error(`${read.where}: ${read.fault}`);
    const form = formOf(read.where, read.record);
    forms.set(form, (forms.get(form) ?? 0) + 1);
  }
  return [
    `data, ${several(records.length, 'row')}${shown ? `, ${shown}` : ''}`,
    ...[...forms].map(([form, n]) => `columns ${form} (${several(n, 'row')})`),
  ];
}

function formOf(where: string, record: DataRecord): string {
  try {
    return detect(record).shown;
  } catch (e) {
    throw new Error(`${where}: ${(e as Error).message}`);
  }
}

function pairs(values: Record<string, unknown>): string[] {
  const said = (value: unknown) => (typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value));
  return Object.entries(values).map(([key, value]) => `${key}  ${said(value).slice(0, 100)}`);
}
