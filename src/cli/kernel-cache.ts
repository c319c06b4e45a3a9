// What the tuner measured on this machine's adapters, kept in a file: ~/.cache/blocktune/kernels.json. A file that cannot be read
// or written costs a new measurement, never a run.

import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import process from 'node:process';
import type { AutotuneCache } from '../commands/task.ts';

export function kernelCache(): AutotuneCache {
  const path = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'blocktune', 'kernels.json');
  const load = async (): Promise<Record<string, string>> => {
    try {
      return JSON.parse(await readFile(path, 'utf8'));
    } catch {
      return {};
    }
  };
  return {
    get: async (key) => (await load())[key],
    async set(key, value) {
      try {
        await mkdir(dirname(path), { recursive: true });
        const aside = `${path}.${process.pid}`;
        await writeFile(aside, JSON.stringify({ ...(await load()), [key]: value }));
        await rename(aside, path);
      } catch {
        // measured again next time
      }
    },
  };
}
