// node scripts/build.mjs [library]: makes dist/: the library with its types, the command line, and the page as a static site (dist/web).
// With `library`, the library and the command line alone, in under a second: what a command in a checkout needs to run in Node.
import { execFileSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const vite = join(root, 'node_modules/vite/bin/vite.js');
const tsc = join(root, 'node_modules/typescript/bin/tsc');
const whole = process.argv[2] !== 'library';

if (!existsSync(vite)) {
  console.error('build: expected the packages that build, got none. Run: npm install');
  process.exit(1);
}
if (whole) rmSync(join(root, 'dist'), { recursive: true, force: true });
for (const config of ['library', 'chrome'])
  node(vite, 'build', '--config', `scripts/build/${config}.config.ts`, '--logLevel', 'warn');
if (whole) {
  node(tsc, '--project', 'scripts/build/types.json');
  node(vite, 'build', '--logLevel', 'warn');
}

/** Runs one of the packages' own commands; its words go to standard error, so that `npm pack --json` stays JSON. */
function node(...words) {
  execFileSync(process.execPath, words, { cwd: root, stdio: ['ignore', 2, 2] });
}
