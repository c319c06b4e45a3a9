// A data file looked at before any model is there: its columns, which of them would be read as what, and its first rows.

import type { Source } from '../io/bytes.ts';
import { type Columns, type DataRecord, detect, paths } from './columns.ts';
import { readRecords } from './read.ts';

/** What a data file holds. */
export interface Look {
  name: string;
  rows: number;
  /** Names of the columns of its first rows, those within objects by their path. */
  columns: string[];
  /** Which column would be read as what; null where the names do not say. */
  detected: Columns | null;
}

/** Rows whose columns are listed. */
const LOOKED_AT = 200;

/** Reads a data file and tells what it holds; throws where it cannot be read as a whole. */
export async function lookAt(source: Source): Promise<Look> {
  const { records } = await readRecords(source);
  const sound = records.slice(0, LOOKED_AT).flatMap((read) => (read.fault === undefined ? [read.record] : []));
  const columns = [...new Set(sound.flatMap(paths))];
  return { name: source.name, rows: records.length, columns, detected: detected(sound) };
}

/** By the first row whose columns say it. */
function detected(records: DataRecord[]): Columns | null {
  for (const record of records)
    try {
      return detect(record).columns;
    } catch {
      // the next row may be sound; what is wrong with this one is said when rows are made
    }
  return null;
}
