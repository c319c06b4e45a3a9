#!/usr/bin/env node
// The command `blocktune`: finds Deno among the installed packages and runs src/cli/main.ts in it. Signals and the exit code pass through.
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);
const cli = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url));
let deno;
try {
  deno = require('deno/install_api.cjs').runInstall();
} catch (e) {
  console.error(`blocktune: expected its npm packages, got none (${e.message.split('\n')[0]}). Run: npm install`);
  process.exit(1);
}
const env = { ...process.env, DENO_NO_UPDATE_CHECK: '1' };
env.XDG_RUNTIME_DIR ??= tmpdir(); // Mesa complains on standard error without one
const child = spawn(deno, ['run', '--allow-all', '--quiet', cli, ...process.argv.slice(2)], { stdio: 'inherit', env });
// a terminal sends Ctrl-C to both of us, a program to this one alone: passed on in any case, and two at once count as one there
process.on('SIGINT', () => child.kill('SIGINT'));
process.on('SIGTERM', () => child.kill('SIGTERM'));
child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' || signal === 'SIGTERM' ? 130 : 1)));
