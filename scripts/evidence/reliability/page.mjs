// Runs a script of this folder in Deno, and puts what came of it where docs/reliability.md has it, between two comments.
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../..', import.meta.url));
const PAGE = join(root, 'docs/reliability.md');

/** Lines of JSON that a script prints. flags: Deno's. */
export function run(script, args, flags = []) {
  const runtime = createRequire(import.meta.url)('deno/install_api.cjs').runInstall();
  const ran = spawnSync(runtime, ['run', '-A', '--quiet', ...flags, script, ...args], {
    cwd: root,
    maxBuffer: 1 << 30,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (ran.status !== 0) throw new Error(`expected ${script} to end with 0, got ${ran.status ?? ran.signal}`);
  return String(ran.stdout)
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}

/** Puts a table and a line of words in the page, and prints them. */
export function put(part, heads, rows, words) {
  const table = [heads, heads.map(() => '-'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
  const [from, to] = [`<!-- ${part} -->`, `<!-- /${part} -->`];
  const page = readFileSync(PAGE, 'utf8');
  if (!page.includes(from) || !page.includes(to)) throw new Error(`expected ${from} and ${to} in ${PAGE}, got neither`);
  writeFileSync(PAGE, `${page.slice(0, page.indexOf(from))}${from}\n${words}\n\n${table}\n${page.slice(page.indexOf(to))}`);
  console.log(`${words}\n${table}`);
}
