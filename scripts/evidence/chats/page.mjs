// Puts a table where docs/rows.md has it, between two comments that name the part, and prints it.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../tables/differential.mjs';

const PAGE = join(root, 'docs/rows.md');

export function put(part, heads, rows) {
  const table = [heads, heads.map(() => '-'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
  const [from, to] = [`<!-- ${part} -->`, `<!-- /${part} -->`];
  const page = readFileSync(PAGE, 'utf8');
  if (!page.includes(from) || !page.includes(to)) throw new Error(`expected ${from} and ${to} in ${PAGE}, got neither`);
  writeFileSync(PAGE, `${page.slice(0, page.indexOf(from))}${from}\n${table}\n${page.slice(page.indexOf(to))}`);
  console.log(table);
}
