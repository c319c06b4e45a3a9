// Which runtime a command runs in: as --runtime says, else Node with Dawn where that finds a hardware adapter (it compiles faster
// code than Deno, which checks every index), else Deno. Verbs that use no GPU run in the runtime that starts first.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';

const require = createRequire(import.meta.url);
const WITHOUT_GPU = ['plan', 'inspect', 'rows'];

/**
 * The host of a command: { host: 'node' | 'deno', why, deno }. why: for people; deno: the path of its program. The words are the
 * command line's own, which it reads again and refuses where they are wrong.
 */
export function chooseRuntime(words, { checkout }) {
  const { values, positionals } = parseArgs({
    args: words,
    strict: false,
    options: { runtime: { type: 'string' }, device: { type: 'string' }, help: { type: 'boolean' }, version: { type: 'boolean' } },
  });
  const forced = values.runtime;
  const deno = denoPath();
  const inNode = (why) => ({ host: 'node', why });
  const inDeno = (why) => ({ host: 'deno', why, deno });

  if (forced === 'chrome') return inNode(''); // which shows what Chrome, where the work is done, tells it
  if (forced === 'deno') {
    if (!deno) throw new Error('expected the package deno for --runtime deno, got none. Run: npm install deno');
    return inDeno('as asked');
  }
  if (forced === 'node') {
    if (!hasDawn()) throw new Error('expected the package webgpu for --runtime node, got none. Run: npm install webgpu');
    return inNode('as asked');
  }
  const needsGpu = positionals.length > 0 && !WITHOUT_GPU.includes(positionals[0]) && !values.help && !values.version;
  if (!needsGpu) return deno && checkout ? inDeno('') : inNode('');

  const found = hasDawn() ? adapterOfDawn(values.device) : undefined;
  if (found && !found.software) return inNode(`its Dawn finds ${found.name}`);
  const lack = hasDawn() ? "Node's Dawn finds no hardware adapter" : 'the package webgpu is not installed';
  if (deno) return inDeno(lack);
  if (found) return inNode('the package deno is not installed');
  throw new Error(
    `expected Deno or Node with an adapter, got neither: ${lack}, and the package deno is not installed. Run: npm install deno webgpu`,
  );
}

function denoPath() {
  try {
    return require('deno/install_api.cjs').runInstall();
  } catch {
    return undefined;
  }
}

function hasDawn() {
  try {
    require.resolve('webgpu');
    return true;
  } catch {
    return false;
  }
}

/**
 * The adapter that Dawn would open, { name, software }, or undefined. Asked in a process of its own: a driver that brings it down,
 * hangs or talks on standard error does so there.
 */
function adapterOfDawn(device = 'auto') {
  const { status, stdout } = spawnSync(process.execPath, [join(import.meta.dirname, 'probe.mjs'), device], {
    encoding: 'utf8',
    timeout: 10_000,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return status === 0 && stdout ? JSON.parse(stdout) : undefined;
}
