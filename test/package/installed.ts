// What the tests of the package need: to run a program in a folder, npm, the size of a folder, and the software drivers.

import { spawn } from 'node:child_process';
import { lstatSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));
export const browserPath = process.env.CHROMIUM ?? '/usr/bin/chromium';

/** Node's Dawn does not take Debian 12's lavapipe; SwiftShader, which Debian's chromium brings, it does. */
export const swiftshader = { VK_ADD_DRIVER_FILES: '/usr/lib/chromium/vk_swiftshader_icd.json' };

export interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

interface More {
  env?: Record<string, string>;
  /** A signal, sent once when standard output holds what `after` looks for. */
  stopBy?: NodeJS.Signals;
  after?: RegExp;
}

/** Runs a program in a folder to its end. */
export function run(folder: string, program: string, words: string[], { env, stopBy, after }: More = {}): Promise<Ended> {
  const child = spawn(program, words, {
    cwd: folder,
    env: { ...clean(process.env), XDG_RUNTIME_DIR: tmpdir(), NO_COLOR: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr, asked] = ['', '', false];
  child.stdout.on('data', (part) => {
    stdout += part;
    if (stopBy && !asked && after?.test(stdout)) asked = child.kill(stopBy);
  });
  child.stderr.on('data', (part) => (stderr += part));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}

/** Runs npm in a folder; throws with what it said where it fails. */
export async function npm(folder: string, ...words: string[]): Promise<Ended> {
  const ended = await run(folder, 'npm', words);
  if (ended.code !== 0) throw new Error(`npm ${words.join(' ')} in ${folder}:\n${ended.stderr}${ended.stdout}`);
  return ended;
}

/** The environment without what npm and Vitest put there for their children: another npm would take it for its settings. */
function clean(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !/^(npm_|VITEST|NODE_ENV|INIT_CWD|VK_ADD)/.test(name)));
}

/** What a folder takes on the disk, as du says: blocks, and a file of several names once. In MB of 2^20 bytes, rounded up. */
export async function megabytes(folder: string): Promise<number> {
  const seen = new Set<number>();
  const size = (path: string): number => {
    const entry = lstatSync(path);
    if (entry.isDirectory()) return readdirSync(path).reduce((sum, name) => sum + size(join(path, name)), 512 * entry.blocks);
    if (seen.has(entry.ino)) return 0;
    seen.add(entry.ino);
    return 512 * entry.blocks;
  };
  return Math.ceil(size(folder) / 2 ** 20);
}
