/**
 * Tables as text: RFC 4180 with any line end (LF, CRLF, CR, also mixed); spaces in names and fields stay. A record that is not
 * well formed is a fault in its place, never a guess. Which column is which is columns.ts.
 */

/** A record's fields, or what is wrong with it. */
export type Fields = { fields: string[]; fault?: undefined } | { fields?: undefined; fault: string };

export interface Table {
  /** Column names as they stand in the first line; one that is there twice gets _1, _2, ... */
  names: string[];
  records: Fields[];
}

/** The table in a text; delimiter '' : the one with which the file's records agree best, or none (a single column). */
export function readTable(text: string, delimiter: string): Table {
  const [head, ...records] = (delimiter ? readLines(text, delimiter) : guessed(text)).filter((line) => !isBlank(line));
  if (head === undefined) return { names: [], records: [] };
  if (head.fault !== undefined) throw new Error(head.fault);
  const names = distinct(head.fields);
  const wrong = (n: number) =>
    `expected ${names.length} ${names.length === 1 ? 'column' : 'columns'} as in the first line, got ${n}; quote texts with delimiters or line breaks`;
  return {
    names,
    records: records.map((r) => (r.fields && r.fields.length !== names.length ? { fault: wrong(r.fields.length) } : r)),
  };
}

const CANDIDATES = [',', '\t', ';', '|'];

/** Records by the candidate that splits the first line and with which most other lines have as many fields; none: one column. */
function guessed(text: string): Fields[] {
  let best: Fields[] | undefined;
  let most = -1;
  for (const delimiter of CANDIDATES) {
    const lines = readLines(text, delimiter).filter((line) => !isBlank(line));
    const width = lines[0]?.fields?.length ?? 0;
    if (width < 2) continue;
    const agreeing = lines.filter((line) => line.fields?.length === width).length / lines.length;
    if (agreeing > most) [best, most] = [lines, agreeing];
  }
  return best ?? readLines(text, '');
}

/** All records of a text, blank lines among them. An ill-formed one ends with its line, so that those after it are read. */
function readLines(text: string, delimiter: string): Fields[] {
  const out: Fields[] = [];
  const stop = new RegExp(delimiter ? `[\\r\\n${delimiter === '|' ? '\\|' : delimiter}]` : '[\\r\\n]', 'g');
  let at = 0;
  while (at < text.length) {
    const fields: string[] = [];
    let fault: string | undefined;
    for (;;) {
      const quoted = text[at] === '"';
      const end = quoted ? closing(text, at) : next(stop, text, at);
      const ends = end === text.length || text[end] === '\r' || text[end] === '\n';
      if (quoted && (end < 0 || !(ends || text[end] === delimiter))) {
        fault =
          end < 0
            ? 'expected a quoted field to end with a quote, got the end of the file; close it, or double quotes within it ("")'
            : `expected a delimiter or the line's end after a quoted field, got ${JSON.stringify(text[end])}; double quotes within a field ("")`;
        at = next(/[\r\n]/g, text, at);
        break;
      }
      fields.push(quoted ? text.slice(at + 1, end - 1).replaceAll('""', '"') : text.slice(at, end));
      at = end;
      if (ends) break;
      at++;
    }
    out.push(fault === undefined ? { fields } : { fault });
    at += text.startsWith('\r\n', at) ? 2 : 1;
  }
  return out;
}

/** The place after the quote that closes a field which begins at `from`; -1 where none does. */
function closing(text: string, from: number): number {
  for (let at = text.indexOf('"', from + 1); at >= 0; at = text.indexOf('"', at + 2)) if (text[at + 1] !== '"') return at + 1;
  return -1;
}

function next(stop: RegExp, text: string, from: number): number {
  stop.lastIndex = from;
  return stop.exec(text)?.index ?? text.length;
}

/** A line without anything in it, or (as spreadsheets leave them) with delimiters alone. */
const isBlank = ({ fields }: Fields) => fields?.every((field) => field.trim() === '') ?? false;

function distinct(names: string[]): string[] {
  const seen = new Set<string>();
  return names.map((name) => {
    let own = name;
    for (let n = 1; seen.has(own); n++) own = `${name}_${n}`;
    seen.add(own);
    return own;
  });
}
