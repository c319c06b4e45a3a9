/**
 * Data files as records: .jsonl, .json (a list), .csv and .tsv, .txt, .parquet. A record is one object with named columns,
 * or the fault found in its place; which column is which is columns.ts.
 */
import { endingOf, type Source } from '../io/bytes.ts';
import { parseNumbers } from '../io/json.ts';
import { setting } from '../setting.ts';
import { type DataRecord, nameOf } from './columns.ts';
import { readTable } from './csv.ts';

/** A record, or what is wrong with it; where: its place in the file, in words. */
export type Read = { where: string; record: DataRecord; fault?: undefined } | { where: string; fault: string };

/** All records of a file and, for plain text, how it was cut into rows; throws where the file as a whole cannot be read. */
export async function readRecords(source: Source): Promise<{ records: Read[]; shown?: string }> {
  const ending = endingOf(source.name);
  if (ending === 'parquet') return { records: await parquet(source) };
  const read = { jsonl, ndjson: jsonl, json, csv: table(''), tsv: table('\t'), txt: paragraphs }[ending];
  if (read === undefined)
    throw new Error(
      `expected a data file ending in .jsonl .json .csv .tsv .txt or .parquet, got ${source.name}; rename or convert it`,
    );
  const text = await textOf(source);
  if (text.trim() === '') throw new Error(`expected ${source.name} to hold rows, got an empty file; give a file with data`);
  return read(text, source.name);
}

function jsonl(text: string, name: string): { records: Read[] } {
  // one list of all rows by this name, as others have lines by the other
  if (/^\s*\[/.test(text) && Array.isArray(valueIn(text))) return json(text, name);
  const records: Read[] = [];
  const lines = text.split(/\r\n?|\n/);
  for (let line = 0; line < lines.length; line++) {
    if (lines[line].trim() === '') continue;
    const row = records.length + 1;
    const where = row === line + 1 ? `${name} row ${row}` : `${name} row ${row} (line ${line + 1})`;
    try {
      records.push(recordOf(parseNumbers(lines[line]), where));
    } catch (error) {
      records.push({
        where,
        fault: `expected one JSON object a line, got text that is none (${(error as Error).message}); mend the line`,
      });
    }
  }
  return { records };
}

function json(text: string, name: string): { records: Read[] } {
  let value: any;
  try {
    value = parseNumbers(text);
  } catch (error) {
    const first = text.trimStart().split(/[\r\n]/, 1)[0]; // no line of a list, nor an object's first, is an object
    if (nameOf(valueIn(first)) === 'an object') return jsonl(text, name);
    throw new Error(`expected ${name} to be JSON, got text that is none (${(error as Error).message}); mend it`);
  }
  // Some publish {"data": [...]} or {"train": [...]}: one list within an object.
  const lists =
    value !== null && typeof value === 'object' && !Array.isArray(value) ? Object.values(value).filter(Array.isArray) : [];
  const list = Array.isArray(value) ? value : lists.length === 1 ? lists[0] : undefined;
  if (list === undefined || list.length === 0)
    throw new Error(
      `expected ${name} to be a list of objects, got ${list ? 'an empty list' : nameOf(value)}; write [{...}, {...}]`,
    );
  return { records: list.map((item: unknown, i: number) => recordOf(item, `${name} row ${i + 1}`)) };
}

const valueIn = (text: string): unknown => {
  try {
    return parseNumbers(text);
  } catch {
    return undefined;
  }
};

function table(delimiter: string): (text: string, name: string) => { records: Read[] } {
  return (text, name) => {
    const { names, records } = readTable(text, delimiter);
    if (names.length === 0 || records.length === 0)
      throw new Error(`expected ${name} to have a line of column names and rows below it, got no rows; add them`);
    const read = (row: (typeof records)[number], i: number): Read => {
      const where = `${name} row ${i + 1}`;
      if (row.fault !== undefined) return { where, fault: row.fault };
      return { where, record: Object.fromEntries(names.map((column, c) => [column, row.fields[c]])) };
    };
    return { records: records.map(read) };
  };
}

/** Plain text: paragraphs between blank lines where there are any, else lines. */
function paragraphs(text: string, name: string): { records: Read[]; shown: string } {
  const plain = text.replace(/\r\n?/g, '\n').replace(/^\s*\n|\s+$/g, '');
  const blank = /\n[ \t]*\n\s*/;
  const byLine = !blank.test(plain);
  const parts = plain.split(byLine ? /\n+/ : blank).filter((part) => part.trim() !== '');
  const records = parts.map((part, i) => ({ where: `${name} row ${i + 1}`, record: { text: part } }));
  return { records, shown: byLine ? 'one row a line' : 'one row a paragraph' };
}

async function parquet(source: Source): Promise<Read[]> {
  try {
    // its reader is as large as that of all other kinds together: a page loads it when it is needed
    const { readParquet } = await import('./parquet.ts');
    const rows = await readParquet(source);
    if (rows.length === 0) throw new Error('it has no rows');
    return rows.map((row, i) => recordOf(row, `${source.name} row ${i + 1}`));
  } catch (error) {
    throw new Error(
      `expected ${source.name} to be a Parquet file (uncompressed or snappy; in Node and Deno gzip, brotli and zstd too), got one that cannot be read (${(error as Error).message}); ` +
        'write it again with snappy, or as .jsonl',
    );
  }
}

function recordOf(value: unknown, where: string): Read {
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    return {
      where,
      fault: `expected an object with named columns, got ${nameOf(value)}; write {"prompt": "...", "completion": "..."}`,
    };
  return { where, record: value as DataRecord };
}

const PART = 1 << 24;
const LONGEST = 400 << 20;

/** The whole file as text; UTF-8, a byte order mark left out. */
async function textOf(source: Source): Promise<string> {
  if (source.size > LONGEST)
    throw new Error(
      `expected a data file of at most ${LONGEST >> 20} MiB, got ${source.name} of ${source.size >> 20} MiB; give it in parts with several ${setting('data')}`,
    );
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const parts: string[] = [];
  try {
    for (let at = 0; at < source.size; at += PART)
      parts.push(decoder.decode(await source.read(at, Math.min(PART, source.size - at)), { stream: true }));
    parts.push(decoder.decode());
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new Error(`expected ${source.name} to be text in UTF-8, got other bytes; convert it (iconv -t utf-8)`);
  }
  return parts.join('');
}
