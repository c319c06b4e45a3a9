// Data read as the model sees it: rows, what is learned of them, what is held out. By the function behind the verb `rows`.

import { dataOptions } from '../../../src/commands/settings.ts';
import { heldOut } from '../../../src/commands/train.ts';
import { type Settled, withDefaults } from '../../../src/options/table.ts';
import { type IndexedRow, type Look, lookAt, piecesOf, type Row, type SeenRow, seeRows } from '../../../src/parts.ts';
import type { DataAsked, DataFacts, FileFrom, RowsAsked, SeenToken } from '../calls.ts';
import { type Bench, dataOf, modelOf, sourceOf, type ViewRow } from './bench.ts';

/** What files hold, without a model. */
export async function look(files: FileFrom[]): Promise<Look[]> {
  return Promise.all(files.map(async (file) => lookAt(await sourceOf(file))));
}

/** Reads the data of a run in the place of what was read before. */
export async function readOwn(b: Bench, { train, held, o: given }: DataAsked): Promise<DataFacts> {
  b.data = null;
  b.scored = null;
  const o = withDefaults(given);
  const seen = await see(b, train, o);
  const apart = held ? await see(b, held, o) : null;
  const rows = seen.all.flatMap(rowOf);
  if (!rows.length) throw new Error(nothingLearned(seen));
  const split = apart
    ? { rows, held: apart.all.flatMap(rowOf) }
    : await heldOut<IndexedRow>(rows, { ...o, eval: o.eval }, modelOf(b), b.tell);
  const training = new Set(split.rows.map(({ index }) => index));
  for (const row of seen.all) row.held = row.learned > 0 && !training.has(row.index);
  for (const row of apart?.all ?? []) row.held = true;
  b.data = { all: [...seen.all, ...(apart?.all ?? [])], rows: split.rows, held: split.held };
  return { ...factsOf(b), files: [...seen.files, ...(apart?.files ?? [])], ...left(seen, apart) };
}

/** Rows of the viewer, token by token. */
export function viewRows(b: Bench, { show, from, count }: RowsAsked): SeenToken[][] {
  const { all } = dataOf(b);
  const shown = all.filter((row) => SHOWN[show](row));
  return shown.slice(from, from + count).map((row) => tokensOf(b, row));
}

const SHOWN: Record<RowsAsked['show'], (row: ViewRow) => boolean> = {
  all: () => true,
  learned: ({ learned, held }) => learned > 0 && !held,
  nothing: ({ learned }) => learned === 0,
  cut: ({ cut }) => cut > 0,
  held: ({ held }) => held,
};

function tokensOf(b: Bench, { ids, labels, index, cut, learned, held }: ViewRow): SeenToken[] {
  const { tokenizer } = modelOf(b);
  const isSpecial = (id: number) =>
    tokenizer.decode([id], { skip_special: true }) === '' && tokenizer.decode([id], { skip_special: false }) !== '';
  const tokens: SeenToken[] = piecesOf(tokenizer, ids).map((text, i) => ({
    id: ids[i],
    text,
    learned: labels[i] !== -100,
    special: isSpecial(ids[i]),
  }));
  if (tokens.length) tokens[0].row = { index, cut, learned, held };
  return tokens;
}

/** Rows read between two tellings. */
const TOLD_EVERY = 250;

async function see(b: Bench, files: FileFrom[], o: Settled) {
  const all: ViewRow[] = [];
  const sources = await Promise.all(files.map(sourceOf));
  const found = await seeRows(modelOf(b), sources, dataOptions(o), (row) => {
    all.push(viewOf(row));
    if (all.length % TOLD_EVERY === 0) b.tell({ kind: 'reading', rows: all.length });
  });
  return { all, ...found };
}

const viewOf = ({ index, ids, labels, learned, cut }: SeenRow): ViewRow => ({
  index,
  ids: Int32Array.from(ids),
  labels: Int32Array.from(labels),
  learned,
  cut,
  held: false,
});

/** The row as training has it; none where nothing of it is learned. */
function rowOf({ index, ids, labels, learned }: ViewRow): IndexedRow[] {
  if (learned === 0) return [];
  return [{ index, ids, labels, promptLength: labels.findIndex((label) => label !== -100) }];
}

function factsOf(b: Bench): Omit<DataFacts, 'files' | 'bad' | 'unused'> {
  const { all, rows, held } = dataOf(b);
  const sum = (of: (row: ViewRow) => number) => all.reduce((n, row) => n + of(row), 0);
  return {
    rows: all.length,
    train: rows.length,
    held: (held as Row[] | undefined)?.length ?? 0,
    nothing: sum(({ learned }) => Number(learned === 0)),
    cut: sum(({ cut }) => Number(cut > 0)),
    tokens: sum(({ ids }) => ids.length),
    learned: sum(({ learned }) => learned),
    lengths: all.map(({ ids, cut }) => ids.length + cut),
  };
}

type Seen = Awaited<ReturnType<typeof see>>;

function left(seen: Seen, apart: Seen | null) {
  const unused = new Map<string, number>();
  for (const { name, rows } of [...seen.unused, ...(apart?.unused ?? [])]) unused.set(name, (unused.get(name) ?? 0) + rows);
  return {
    bad: seen.bad + (apart?.bad ?? 0),
    firstFault: seen.firstFault ?? apart?.firstFault,
    unused: [...unused].map(([name, rows]) => ({ name, rows })),
  };
}

function nothingLearned({ all, bad, firstFault }: Seen): string {
  if (!all.length) return `expected a sound row, got ${bad} unsound ones (first: ${firstFault})`;
  const cure = all.some(({ cut }) => cut > 0) ? 'raise --max-length, or shorten the prompts' : 'look at which columns are which';
  return `expected a token to learn in some row, got none in any of ${all.length}; ${cure}`;
}
