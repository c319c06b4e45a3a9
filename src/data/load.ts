/**
 * Data files to the rows of a run: read, columns found, tokens made, long rows cut, what was left out counted.
 * The rows keep their place in the files (`index`), so that figures per row can be given for all of them.
 */
import type { Source } from '../io/bytes.ts';
import { setting } from '../setting.ts';
import { type Columns, type DataRecord, detect, type Fields } from './columns.ts';
import { type Notes, said } from './messages.ts';
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
  /** Rows that were cut at `maxLength`. */
  cut: number;
  /** Places of the rows without a target (after the cut), which are left out of training. */
  untargeted: number[];
  /** Rows left out by `skipBadRows`, and what was wrong with the first. */
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
  const tally = await eachMade(sources, options, ({ cut, ...row }) => {
    data.total++;
    if (cut > 0) data.cut++;
    const targets = targetCount(row);
    if (targets === 0) {
      data.untargeted.push(row.index);
      return;
    }
    data.rows.push(row);
    data.tokens += row.ids.length;
    data.targets += targets;
  });
  Object.assign(data, { bad: tally.bad, firstFault: tally.firstFault });
  data.shown = [...tally.files.map(fileWords), ...leftOut(data, tally, options.max_length)].join('; ');
  if (data.rows.length === 0) throw new Error(nothingLearned(sources, data, options));
  return data;
}

/** A row as the model will see it. */
export interface SeenRow {
  index: number;
  ids: number[];
  /** -100 where nothing is learned. */
  labels: number[];
  /** Text of the ids, special tokens included; empty where the model has no tokenizer. */
  text: string;
  /** How many tokens are learned, and how many were cut off. */
  learned: number;
  cut: number;
}

/** What was found in data files: of what form each is, what was left out, and what of the rows their tokens do not have. */
export interface Found {
  files: { name: string; rows: number; shown: string }[];
  /** Rows left out by `skipBadRows`, and what was wrong with the first. */
  bad: number;
  firstFault?: string;
  /** Fields that no token says, by name and in how many rows they say something. */
  unused: { name: string; rows: number }[];
  /** All of it in a sentence, for people. */
  shown: string;
}

/** Every sound row of the files, in order, as training would have it. Throws as loadData does, but not where nothing is learned. */
export async function showRows(sources: Source[], options: LoadOptions, see: (row: SeenRow) => void): Promise<Found> {
  const data = { bad: 0, cut: 0, untargeted: [] as number[] };
  const tally = await eachMade(sources, options, (row) => {
    const { index, cut } = row;
    const [ids, labels] = [Array.from(row.ids), Array.from(row.labels)];
    const learned = targetCount(row);
    if (cut > 0) data.cut++;
    if (learned === 0) data.untargeted.push(index);
    const seen = { index, ids, labels, learned, cut };
    // made when it is asked for: whoever counts rows has no use for it
    see({
      ...seen,
      get text() {
        return options.tokenizer?.decode(ids, { skip_special: false }) ?? '';
      },
    });
  });
  const { files, bad, firstFault } = tally;
  const shown = [...files.map(fileWords), ...leftOut({ ...data, ...tally }, tally, options.max_length)].join('; ');
  return { files, bad, firstFault, unused: [...tally.unused].map(([name, rows]) => ({ name, rows })), shown };
}

/** Makes every sound row, cut at max_length: one way for all who train on it, measure it or show it. */
async function eachMade(
  sources: Source[],
  options: LoadOptions,
  made: (row: IndexedRow & { cut: number }) => void,
): Promise<Tally> {
  return eachRow(sources, options, (fields, record, index, notes) => {
    const whole = toRow(fields, record, options, notes);
    made({ ...cutRow(whole, options.max_length), index, cut: Math.max(0, whole.ids.length - options.max_length) });
  });
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
  const tally = await eachRow(sources, options, (fields, record, index, notes) => {
    prompts.push({ index, ids: promptOf(fields, record, options, notes) });
  });
  if (prompts.length === 0)
    throw new Error(`expected a row to go on from, got none (${tally.firstFault ?? 'no rows'}); mend the rows`);
  return { prompts, shown: [...tally.files.map(fileWords), ...skipped(tally), ...unusedFields(tally)].join('; ') };
}

/** Number of targets of a row: its first token is none. */
export function targetCount(row: Row): number {
  let n = 0;
  for (let i = 1; i < row.labels.length; i++) if (row.labels[i] !== NOT_LEARNED) n++;
  return n;
}

/** The row's first max_length tokens. */
function cutRow(row: Row, max_length: number): Row {
  if (row.ids.length <= max_length) return row;
  const [ids, labels] = [row.ids.slice(0, max_length), row.labels.slice(0, max_length)];
  return { ids, labels, promptLength: Math.min(row.promptLength, max_length) };
}

interface Tally {
  /** What was found in each file. */
  files: Found['files'];
  bad: number;
  firstFault?: string;
  /** Fields that no row's tokens have, and in how many rows they say something. */
  unused: Map<string, number>;
}

type Each = (fields: Fields, record: DataRecord, index: number, notes: Notes) => void;

/** Runs over all records, in order. */
async function eachRow(
  sources: Source[],
  { columns, skip_bad_rows }: { columns?: Columns; skip_bad_rows: boolean },
  each: Each,
): Promise<Tally> {
  const tally: Tally = { files: [], bad: 0, unused: new Map() };
  let index = 0;
  for (const source of sources) {
    const { records, shown } = await readRecords(source);
    const forms = new Map<string, number>();
    for (const read of records) {
      try {
        const form = oneRow(read, columns, each, index++, tally);
        forms.set(form, (forms.get(form) ?? 0) + 1);
      } catch (error) {
        const fault = `${read.where}: ${(error as Error).message}`;
        if (!skip_bad_rows) throw new Error(fault);
        tally.bad++;
        tally.firstFault ??= fault;
      }
    }
    const kinds = [...forms].map(([form, n]) => (forms.size === 1 ? form : `${form} (${n})`)).join(' and ');
    const form = `${kinds || 'no known form'}${shown ? `, ${shown}` : ''}`;
    tally.files.push({ name: source.name, rows: records.length, shown: form });
  }
  return tally;
}

function oneRow(read: Read, columns: Columns | undefined, each: Each, index: number, { unused }: Tally): string {
  if (read.fault !== undefined) throw new Error(read.fault);
  const { fields, shown, used } = detect(read.record, columns);
  const [known, left] = [new Set(used), new Set<string>()];
  each(fields, read.record, index, { used: (column) => known.add(column), unused: (what) => left.add(what) });
  for (const [name, value] of Object.entries(read.record)) if (!known.has(name) && said(value)) left.add(name);
  for (const name of left) unused.set(name, (unused.get(name) ?? 0) + 1);
  return shown;
}

const fileWords = ({ name, rows, shown }: Found['files'][number]) => `${name}: ${count(rows, 'row')} of ${shown}`;

function leftOut(data: Pick<Dataset, 'bad' | 'firstFault' | 'cut' | 'untargeted'>, tally: Tally, max_length: number): string[] {
  const told = skipped(data);
  if (data.cut > 0) told.push(`${count(data.cut, 'row')} cut at ${max_length} tokens`);
  if (data.untargeted.length > 0) told.push(`${count(data.untargeted.length, 'row')} without a target skipped`);
  return [...told, ...unusedFields(tally)];
}

/** What rows say that their tokens do not have, by name and how many rows. */
function unusedFields({ unused }: Tally): string[] {
  if (unused.size === 0) return [];
  return [`not used: ${[...unused].map(([name, n]) => `${name} (${n})`).join(', ')}`];
}

const skipped = ({ bad, firstFault }: Pick<Dataset, 'bad' | 'firstFault'>) =>
  bad === 0 ? [] : [`${count(bad, 'bad row')} skipped (first: ${firstFault})`];

const count = (n: number, what: string) => `${n} ${what}${n === 1 ? '' : 's'}`;

function nothingLearned(sources: Source[], data: Dataset, options: LoadOptions): string {
  const names = sources.map((source) => source.name).join(', ');
  if (data.total === 0)
    return `expected ${names} to hold a sound row, got ${data.bad} bad ones (first: ${data.firstFault}); mend the rows`;
  const cure =
    data.cut > 0
      ? `raise ${setting('maxLength')} above ${options.max_length}, or shorten the prompts`
      : 'give labels other than -100 after the first token';
  return `expected ${names} to hold a token to learn, got ${count(data.total, 'row')} without one; ${cure}`;
}
