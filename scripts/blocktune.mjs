#!/usr/bin/env node
// The command `blocktune`: chooses the runtime and runs the command line in it: in this process where it is Node, else in Deno, to
// which signals pass on and from which the exit code comes back. From a checkout Deno runs the sources and Node what they build to.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { chooseRuntime } from './runtime.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const sources = join(root, 'src/cli/main.ts');
const built = join(root, 'dist/cli.js');
const checkout = existsSync(sources);
process.env.XDG_RUNTIME_DIR ??= tmpdir(); // Mesa complains on standard error without one

try {
  const { host, why, deno } = chooseRuntime(process.argv.slice(2), { checkout });
  process.env.BLOCKTUNE_RUNTIME = why; // for doctor
  if (host === 'deno') inDeno(deno);
  else {
    if (checkout) build();
    await import(pathToFileURL(built).href);
  }
} catch (e) {
  console.error(`blocktune: ${e.message}`);
  process.exit(1);
}

function inDeno(deno) {
  // packages from node_modules beside the program, whatever project it is called in
  const flags = ['--allow-all', '--quiet', '--no-lock', '--no-config', '--node-modules-dir=manual'];
  const words = ['run', ...flags, checkout ? sources : built, ...process.argv.slice(2)];
  const child = spawn(deno, words, { stdio: 'inherit', env: { ...process.env, DENO_NO_UPDATE_CHECK: '1' } });
  // a terminal sends Ctrl-C to both of us, a program to this one alone: passed on in any case, and two at once count as one there
  process.on('SIGINT', () => child.kill('SIGINT'));
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  child.on('error', (e) => {
    console.error(`blocktune: expected Deno to start, got: ${e.message}. Run: npm install deno`);
    process.exit(1);
  });
  // Deno takes an exit code of 130 for the signal itself
  child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' || signal === 'SIGTERM' ? 130 : 1)));
}

/** Builds what Node runs where it is missing or older than its sources: the runtime that a checkout needs no build for is Deno. */
function build() {
  const newest = Math.max(...['src', 'shaders', 'demo/recipe.json', 'package.json'].map((place) => newestIn(join(root, place))));
  if (existsSync(built) && statSync(built).mtimeMs >= newest) return;
  console.error('blocktune: building dist/ from the sources, which Node cannot run');
  execFileSync(process.execPath, [join(root, 'scripts/build.mjs'), 'library'], { stdio: ['ignore', 2, 2] });
}

/** When a file, or the newest file in a folder, was last written, in milliseconds. */
function newestIn(place) {
  if (!statSync(place).isDirectory()) return statSync(place).mtimeMs;
  return readdirSync(place).reduce((newest, name) => Math.max(newest, newestIn(join(place, name))), 0);
}
