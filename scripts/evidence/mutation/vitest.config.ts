// The tests with one kernel changed, by the environment variable MUTANT (a number of mutants.mjs; 0 or none: as it is).
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { MUTANTS, mutated } from './mutants.mjs';

const mutant = MUTANTS[Number(process.env.MUTANT ?? 0) - 1];

export default defineConfig({
  root: fileURLToPath(new URL('../../..', import.meta.url)),
  plugins: [
    {
      name: 'mutant',
      enforce: 'pre',
      load(id) {
        const [path, query] = id.split('?');
        if (query !== 'raw' || basename(path) !== `${mutant?.file}.wgsl`) return;
        return `export default ${JSON.stringify(mutated(mutant, readFileSync(path, 'utf8')))}`;
      },
    },
  ],
  test: {
    include: ['test/**/*.test.ts'],
    setupFiles: ['test/setup.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    maxWorkers: 1,
  },
});
