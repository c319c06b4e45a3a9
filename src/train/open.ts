// A model's files with its tokenizer, and data as its rows: what a run needs before there is a GPU.

import { type Columns, parseColumns } from '../data/columns.ts';
import {
  type Dataset,
  type Found,
  type LoadOptions,
  loadData,
  loadPrompts,
  type Prompt,
  type SeenRow,
  showRows,
} from '../data/load.ts';
import { loadTokenizer, type Tokenizer } from '../data/tokenizer.ts';
import { type Folder, memorySource, openPlace, readText, type Source } from '../io/bytes.ts';
import { type ModelFiles, openModelFiles as openFiles } from '../io/model.ts';

/** A model that is open and not loaded: headers and tokenizer. */
export interface OpenModel {
  files: ModelFiles;
  tokenizer: Tokenizer;
}

/** Where a model lies: a path, an http(s) address or hf:OWNER/NAME as people write them, or a folder or file that a page holds. */
export type Place = string | Folder | Source;

/** Opens a model's files and its tokenizer; nothing is read but headers. hub: the host of hf:OWNER/NAME. */
export async function openModel(
  place: Place,
  { hub, note = () => {} }: { hub?: string; note?: (text: string) => void } = {},
): Promise<OpenModel> {
  const { files, tokenizer } = withTokenizer(await openFiles(place, { hub, note }));
  const apart = endsApart({ files, tokenizer });
  if (apart) note(apart);
  return { files, tokenizer };
}

/** Open files with their tokenizer. */
export const withTokenizer = (files: ModelFiles): OpenModel => ({
  files,
  tokenizer: loadTokenizer({ ...files.tokenizer, eos: files.config.eos_token_ids[0] ?? null }),
});

/** Ids that end an answer: every one that config and generation config name, and the tokenizer's own. */
export function endsOf({ files, tokenizer }: OpenModel): number[] {
  const own = tokenizer.eos === null ? [] : [tokenizer.eos];
  return [...new Set([...files.config.eos_token_ids, ...own])].filter((id) => id < files.config.vocab_size);
}

/** What is to be said where the tokenizer ends texts otherwise than the config does. */
function endsApart({ files, tokenizer }: OpenModel): string | undefined {
  const { eos_token_ids } = files.config;
  const { eos, named } = tokenizer;
  if (eos === null || eos_token_ids.length === 0 || eos_token_ids.includes(eos)) return undefined;
  return `the tokenizer ends texts with ${JSON.stringify(named.eos_token)} (${eos}), the config with ${eos_token_ids.join(', ')}: rows end as the tokenizer has it, answers at any of them`;
}

/** How rows are read. */
export interface DataOptions {
  /** Longer rows are cut at the end (tokens). */
  maxLength?: number;
  /** Which tokens are learned. */
  learn?: 'response' | 'all';
  /** auto, alpaca, chat, plain, or a file with a chat template. */
  template?: string;
  /** The day that a chat template sees, YYYY-MM-DD: one fixed day where absent. */
  date?: string;
  /** Which column is which; detected where absent. */
  columns?: Columns | string;
  /** Count unsound rows instead of stopping at the first. */
  skipBadRows?: boolean;
}

/** The rows of data files as this model reads them: .jsonl, .json, .csv, .tsv, .txt or .parquet. */
export async function openData(model: OpenModel, places: Places, o: DataOptions = {}): Promise<Dataset> {
  const options = await rowOptions(model, o);
  return withSources(places, (sources) => loadData(sources, { ...options, max_length: o.maxLength ?? 512 }));
}

/** Every sound row of data files as training would see it, in order; answers what was found. */
export async function seeRows(model: OpenModel, places: Places, o: DataOptions, see: (row: SeenRow) => void): Promise<Found> {
  const options = await rowOptions(model, o);
  return withSources(places, (sources) => showRows(sources, { ...options, max_length: o.maxLength ?? 512 }, see));
}

/** The rows of data files as prompts to go on from, and what was found, for people. */
export async function openPrompts(
  model: OpenModel,
  places: Places,
  o: DataOptions = {},
): Promise<{ prompts: Prompt[]; shown: string }> {
  const options = await rowOptions(model, o);
  return withSources(places, (sources) => loadPrompts(sources, options));
}

/**
 * The ids of a text to go on from, written as the template of the options says where one is named; asChat: of a user's message, in
 * the chat template that the options or the model's files name.
 */
export async function promptIds(model: OpenModel, text: string, asChat = false, o: DataOptions = {}): Promise<Int32Array> {
  const template = o.template ?? 'auto';
  if (!asChat && (template === 'auto' || template === 'plain')) {
    const ids = Int32Array.from(model.tokenizer.encode(text, { special: true }));
    const past = ids.find((id) => id >= model.files.config.vocab_size);
    if (past !== undefined)
      throw new Error(
        `expected token ids below the ${model.files.config.vocab_size} rows of the embedding, got ${past} in the prompt; leave that token out`,
      );
    return ids;
  }
  const row = JSON.stringify(asChat ? { messages: [{ role: 'user', content: text }] } : { prompt: text });
  const source = memorySource(new TextEncoder().encode(row), 'the prompt.jsonl');
  return (await openPrompts(model, source, { ...o, columns: undefined })).prompts[0].ids;
}

/** Where data lie: files by path or address, or as a page holds them. */
export type Places = string | Source | readonly (string | Source)[];

async function rowOptions({ files, tokenizer }: OpenModel, o: DataOptions): Promise<Omit<LoadOptions, 'max_length'>> {
  const { template = 'auto', columns } = o;
  const named = ['auto', 'alpaca', 'chat', 'plain'].includes(template);
  return {
    tokenizer,
    vocab_size: files.config.vocab_size,
    learn: o.learn ?? 'response',
    template: named ? template : await withSources(template, ([source]) => readText(source)),
    columns: typeof columns === 'string' ? parseColumns(columns) : columns,
    date: o.date,
    skip_bad_rows: o.skipBadRows ?? false,
  };
}

/** Opens files, and closes those that it opened after their use. */
export async function withSources<T>(places: Places, use: (sources: Source[]) => Promise<T>): Promise<T> {
  const sources: Source[] = [];
  try {
    for (const place of [places].flat() as (string | Source)[])
      sources.push(typeof place === 'string' ? await fileAt(place) : place);
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
