/**
 * Data files to the rows of a run: read, columns found, tokens made, long rows cut, what was left out counted.
 * The rows keep their place in the files (`index`), so that figures per row can be given for all of them.
 */
import type { Source } from '../io/bytes.ts';
import { type Columns, type DataRecord, detect, type Fields } from './columns.ts';
import { type Read, readRecords } from './read.ts';
import { NOT_LEARNED, promptOf, type Row, type RowOptions, toRow } from './rows.ts';

export interface LoadOptions extends RowOptions {
  columns?: Columns;
  /** Tokens kept of a row; the rest is cut off its end. */
  max_length: number;
  skip_bad_rows: boolean;
}

export interface IndexedRow extends Row {
  /** Place among all rows of all files, from 0; a bad row that was skipped keeps its number. */
  index: number;
}

/** The rows of data files, and what was found, cut and left out on the way. */
export interface Dataset {
  /** Rows with at least one target. */
  rows: IndexedRow[];
  /** Sound rows in the files: rows.length + untargeted.length. */
  total: number;
  /** Rows that were cut at max_length. */
  cut: number;
  /** Places of the rows without a target (after the cut), which are left out of training. */
  untargeted: number[];
  /** Rows left out by --skip-bad-rows, and what was wrong with the first. */
  bad: number;
  firstFault?: string;
  tokens: number;
  targets: number;
  /** What was found, for people: files, columns, counts. */
  shown: string;
}

/** All rows of the files; throws at the first unsound row unless skip_bad_rows, and where no row has anything to learn. */
export async function loadData(sources: Source[], options: LoadOptions): Promise<Dataset> {
  const data: Dataset = { rows: [], total: 0, cut: 0, untargeted: [], bad: 0, tokens: 0, targets: 0, shown: '' };
  const found = await eachRow(sources, options, data, (fields, record, index) => {
    const { row, cut } = cutRow(toRow(fields, record, options), options.max_length);
    data.total++;
    if (cut) data.cut++;
    const targets = targetCount(row);
    if (targets === 0) {
      data.untargeted.push(index);
      return;
    }
    data.rows.push({ ...row, index });
    data.tokens += row.ids.length;
    data.targets += targets;
  });
  data.shown = [...found, ...leftOut(data, options.max_length)].join('; ');
  if (data.rows.length === 0) throw new Error(nothingLearned(sources, data, options));
  return data;
}

export interface Prompt {
  index: number;
  ids: Int32Array;
}

/** The rows of the files as prompts to go on from; throws as loadData does. */
export async function loadPrompts(
  sources: Source[],
  options: Omit<LoadOptions, 'max_length'>,
): Promise<{ prompts: Prompt[]; shown: string }> {
  const prompts: Prompt[] = [];
  const tally: Tally = { bad: 0 };
  const found = await eachRow(sources, options, tally, (fields, record, index) => {
    prompts.push({ index, ids: promptOf(fields, record, options) });
  });
  if (prompts.length === 0)
    throw new Error(`expected a row to go on from, got none (${tally.firstFault ?? 'no rows'}); mend the rows`);
  return { prompts, shown: [...found, ...skipped(tally)].join('; ') };
}

/** Number of targets of a row: its first token is none. */
export function targetCount(row: Row): number {
  let n = 0;
  for (let i = 1; i < row.labels.length; i++) if (row.labels[i] !== NOT_LEARNED) n++;
  return n;
}

/** The row's first max_length tokens. */
function cutRow(row: Row, max_length: number): { row: Row; cut: boolean } {
  if (row.ids.length <= max_length) return { row, cut: false };
  const [ids, labels] = [row.ids.slice(0, max_length), row.labels.slice(0, max_length)];
  return { row: { ids, labels, promptLength: Math.min(row.promptLength, max_length) }, cut: true };
}

interface Tally {
  bad: number;
  firstFault?: string;
}

type Each = (fields: Fields, record: DataRecord, index: number) => void;

/** Runs over all records, in order; answers a sentence a file on what was found there. */
async function eachRow(
  sources: Source[],
  { columns, skip_bad_rows }: { columns?: Columns; skip_bad_rows: boolean },
  tally: Tally,
  each: Each,
): Promise<string[]> {
  const sentences: string[] = [];
  let index = 0;
  for (const source of sources) {
    const { records, shown } = await readRecords(source);
    const forms = new Map<string, number>();
    for (const read of records) {
      try {
        const form = oneRow(read, columns, each, index++);
        forms.set(form, (forms.get(form) ?? 0) + 1);
      } catch (error) {
        const fault = `${read.where}: ${(error as Error).message}`;
        if (!skip_bad_rows) throw new Error(fault);
        tally.bad++;
        tally.firstFault ??= fault;
      }
    }
    const kinds = [...forms].map(([form, n]) => (forms.size === 1 ? form : `${form} (${n})`)).join(' and ');
    sentences.push(`${source.name}: ${count(records.length, 'row')} of ${kinds || 'no known form'}${shown ? `, ${shown}` : ''}`);
  }
  return sentences;
}

function oneRow(read: Read, columns: Columns | undefined, each: Each, index: number): string {
  if (read.fault !== undefined) throw new Error(read.fault);
  const { fields, shown } = detect(read.record, columns);
  each(fields, read.record, index);
  return shown;
}

function leftOut(data: Dataset, max_length: number): string[] {
  const said = skipped(data);
  if (data.cut > 0) said.push(`${count(data.cut, 'row')} cut at ${max_length} tokens`);
  if (data.untargeted.length > 0) said.push(`${count(data.untargeted.length, 'row')} without a target skipped`);
  return said;
}

const skipped = ({ bad, firstFault }: Tally) => (bad === 0 ? [] : [`${count(bad, 'bad row')} skipped (first: ${firstFault})`]);

const count = (n: number, what: string) => `${n} ${what}${n === 1 ? '' : 's'}`;

function nothingLearned(sources: Source[], data: Dataset, options: LoadOptions): string {
  const names = sources.map((source) => source.name).join(', ');
  if (data.total === 0)
    return `expected ${names} to hold a sound row, got ${data.bad} bad ones (first: ${data.firstFault}); mend the rows`;
  const cure =
    data.cut > 0
      ? `raise --max-length above ${options.max_length}, or shorten the prompts`
      : 'give labels other than -100 after the first token';
  return `expected ${names} to hold a token to learn, got ${count(data.total, 'row')} without one; ${cure}`;
}
