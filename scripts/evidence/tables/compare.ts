// The tables that write.py wrote, as they are read here: a line of JSON a kind of file with what differs.
//     compare.ts FOLDER
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { readRecords } from '../../../src/data/read.ts';
import { diskSource } from '../../../src/io/bytes.ts';

const [folder] = process.argv.slice(2);
const cases: [kind: string, file: string, rows: unknown[]][] = JSON.parse(readFileSync(join(folder, 'cases.json'), 'utf8'));
const kinds = new Map<string, { files: number; rows: number; off: string[] }>();
for (const [kind, file, rows] of cases) {
  const seen = kinds.get(kind) ?? { files: 0, rows: 0, off: [] };
  kinds.set(kind, seen);
  seen.files++;
  seen.rows += rows.length;
  const got = await rowsOf(join(folder, file)).catch((e: Error) => e.message);
  const [a, b] = [canonical(got), canonical(rows)];
  if (a !== b) seen.off.push(`${file}: ${a}, wanted ${b}`);
}
for (const [name, seen] of kinds) console.log(JSON.stringify({ name, ...seen }));

async function rowsOf(path: string): Promise<unknown[]> {
  const source = await diskSource(path);
  try {
    const { records } = await readRecords(source);
    return records.map((read) => read.fault ?? read.record);
  } finally {
    await source.close();
  }
}

/** JSON with sorted keys; long integers and whole floats as write.py writes them. */
function canonical(value: unknown): string {
  if (typeof value === 'bigint') return JSON.stringify(`#${value}`);
  if (value instanceof Number) return JSON.stringify(`#float ${BigInt(value.valueOf())}`);
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, v]) => `${JSON.stringify(key)}:${canonical(v)}`).join()}}`;
}
