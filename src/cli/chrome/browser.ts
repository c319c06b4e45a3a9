// The installed Chrome, Chromium or Edge, opened at an address without a window, with a profile of its own that goes with it.

import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';

export interface Chrome {
  /** Told where it ends by itself. */
  closed: Promise<{ error: string }>;
  close(): Promise<void>;
}

const FLAGS = [
  '--headless=new',
  '--no-first-run',
  '--no-default-browser-check',
  '--disable-extensions',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-background-timer-throttling',
  '--disable-renderer-backgrounding',
  '--disable-dev-shm-usage',
  '--disable-web-security', // its one page is ours, and reads the addresses that a person names
  '--enable-unsafe-webgpu',
  // a GPU process that dies twice is no hostile page here: its one page goes on each time
  '--disable-domain-blocking-for-3d-apis',
  '--disable-gpu-process-crash-limit',
];
/** Chrome on Linux drives a GPU through Vulkan where told to. */
const LINUX = ['--enable-features=Vulkan'];
const CLOSE_MS = 3000;

/** Opens it at an address. Throws where there is none. */
export async function openChrome(address: string): Promise<Chrome> {
  const path = chromePath(process.env);
  const profile = await mkdtemp(join(tmpdir(), 'blocktune-chrome-'));
  const root = process.getuid?.() === 0 ? ['--no-sandbox'] : []; // which Chrome refuses to be with one
  const flags = [...FLAGS, ...(process.platform === 'linux' ? LINUX : []), ...root, `--user-data-dir=${profile}`];
  // a process group of its own: Ctrl-C in the terminal is for the command, which then stops its page in order
  const child = spawn(path, [...flags, address], { stdio: ['ignore', 'ignore', 'pipe'], detached: process.platform !== 'win32' });
  let words = '';
  child.stderr!.on('data', (part) => (words = `${words}${part}`.slice(-2000)));
  const atExit = () => end(child, 'SIGKILL');
  process.once('exit', atExit);
  const gone = new Promise<string>((resolve) => {
    child.once('error', (e) => resolve(e.message));
    child.once('exit', (code, signal) => resolve(`${signal ?? `exit code ${code}`}\n${words}`.trim()));
  });
  return {
    closed: gone.then((how) => ({ error: `expected ${path} to run until the work is done, got its end: ${how}` })),
    async close() {
      end(child, 'SIGTERM');
      const late = setTimeout(() => end(child, 'SIGKILL'), CLOSE_MS);
      await gone;
      clearTimeout(late);
      process.off('exit', atExit);
      await rm(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 }).catch(() => {});
    },
  };
}

/** Ends it and what it started. */
function end(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  try {
    if (process.platform === 'win32') child.kill(signal);
    else process.kill(-child.pid, signal);
  } catch {
    // gone meanwhile
  }
}

/** Where Chrome, Chromium or Edge is: as CHROMIUM or CHROME_PATH says, else in the usual places. */
export function chromePath(env: Record<string, string | undefined>, there: (path: string) => boolean = existsSync): string {
  const named = env.CHROMIUM ?? env.CHROME_PATH;
  if (named && !there(named)) throw new Error(`expected Chrome at ${named}, as CHROMIUM or CHROME_PATH says, got nothing there`);
  const found = named ?? usual(env).find(there);
  if (found) return found;
  throw new Error(
    'expected Chrome, Chromium or Edge for --runtime chrome, got none. Install one (on Debian: apt-get install chromium), or say by CHROME_PATH where it is.',
  );
}

function usual(env: Record<string, string | undefined>): string[] {
  const folders = [env.PROGRAMFILES, env['PROGRAMFILES(X86)'], env.LOCALAPPDATA].filter((f) => f !== undefined);
  return [
    ...['google-chrome', 'google-chrome-stable', 'chromium', 'chromium-browser', 'microsoft-edge'].map(
      (name) => `/usr/bin/${name}`,
    ),
    '/snap/bin/chromium',
    ...['Google Chrome', 'Chromium', 'Microsoft Edge'].map((name) => `/Applications/${name}.app/Contents/MacOS/${name}`),
    ...folders.flatMap((f) => [
      `${f}\\Google\\Chrome\\Application\\chrome.exe`,
      `${f}\\Microsoft\\Edge\\Application\\msedge.exe`,
    ]),
  ];
}
