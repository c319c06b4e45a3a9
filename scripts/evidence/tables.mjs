// Are tables read as Python reads them? Random CSV, TSV, JSON and Parquet files by Python's csv and json and by pyarrow, which
// python3 needs. A word: how many files a kind (2000). Writes a table of docs/rows.md.
import { differences, written } from './tables/differential.mjs';

export function run([count = '2000']) {
  const results = differences('scripts/evidence/tables/write.py', 'pyarrow', [count], 'scripts/evidence/tables/compare.ts');
  return written('tables', results, ['kind', 'files', 'rows'], (r) => [r.name, r.files, r.rows]);
}
