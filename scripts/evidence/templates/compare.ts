// Renders the random templates of write.py: how many write what Python writes, raise as there, are refused here alone, or differ.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { render } from '../../../src/data/template.ts';
import { parseNumbers } from '../../../src/io/json.ts';

const { values, cases } = parseNumbers(readFileSync(join(process.argv[2], 'templates.json'), 'utf8')) as {
  values: Record<string, unknown>;
  cases: [template: string, text: string | null][];
};
let [raise, refused] = [0, 0];
const off: string[] = [];
for (const [template, text] of cases) {
  let got: string | null = null;
  try {
    got = render(template, values).text;
  } catch {
    got = null;
  }
  if (text === null) raise++;
  if (got === text) continue;
  if (got === null) refused++;
  else off.push(`${template}: ${JSON.stringify(text)}, got ${JSON.stringify(got)}`);
}
console.log(JSON.stringify({ name: 'random templates', cases: cases.length, raise, refused, off }));
