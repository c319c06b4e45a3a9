// A differential test: Python's original writes cases into a folder, this repository reads them in Deno, and what came of each
// kind becomes a table in a page, between two comments that name the part.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../..', import.meta.url));
export const deno = createRequire(import.meta.url)('deno/install_api.cjs').runInstall();
const PAGE = join(root, 'docs/rows.md');

/** Lines of JSON that compare.ts says of the cases that the script wrote; `more` are further arguments of each. */
export function differences(script, needs, args, compare, more = []) {
  const folder = mkdtempSync(join(tmpdir(), 'blocktune-evidence-'));
  try {
    const made = spawnSync('python3', [script, folder, ...args], { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
    if (made.status !== 0) throw new Error(`expected python3 with ${needs} to write the cases, got none: pip install ${needs}`);
    const read = spawnSync(deno, ['run', '-A', '--quiet', compare, folder, ...more], { cwd: root, maxBuffer: 1 << 30 });
    if (read.status !== 0) throw new Error(`expected the cases to be read, got: ${read.stderr}`);
    return String(read.stdout)
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Puts a table where the page has it, prints what differs, and answers the exit code. */
export function written(part, results, heads, cells) {
  const off = results.flatMap(({ name, off }) => off.slice(0, 5).map((text) => `${name}: ${text}`));
  for (const text of off) console.error(text);
  const rows = results.map(
    (r) =>
      `| ${[...cells(r), r.off.length].map((cell) => String(cell).replaceAll('|', '\\|').replaceAll('<', '&lt;')).join(' | ')} |`,
  );
  const table = [`| ${heads.join(' | ')} | differ |`, `|${'-|'.repeat(heads.length + 1)}`, ...rows].join('\n');
  const [from, to] = [`<!-- ${part} -->`, `<!-- /${part} -->`];
  const page = readFileSync(PAGE, 'utf8');
  if (!page.includes(from) || !page.includes(to)) throw new Error(`expected ${from} and ${to} in ${PAGE}, got neither`);
  const [before, after] = [page.slice(0, page.indexOf(from)), page.slice(page.indexOf(to))];
  writeFileSync(PAGE, `${before}${from}\n${table}\n${after}`);
  console.log(table);
  return off.length ? 1 : 0;
}
