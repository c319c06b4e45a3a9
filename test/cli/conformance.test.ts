// The command line against PyTorch references that nobody here wrote: shared/conformance/check.py, every part of it on one family,
// each family in its turn, and by `npm run evidence everywhere` on all. Skipped where the shared data or a python3 is absent.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { run } from '../package/installed.ts';
import { EVERYWHERE } from '../some.ts';
import { root, shared } from './tiny.ts';

const check = resolve(root, shared, 'conformance/check.py');
const absent = !existsSync(check) || spawnSync('python3', ['--version']).status !== 0;

const FAMILIES = ['llama3', 'qwen2'];
const PARTS = ['eval', 'greedy', 'full', 'smt', 'scores', 'official', 'lora', 'dora'];
const all = PARTS.flatMap((part) => FAMILIES.map((family) => [part, family]));
const cases = EVERYWHERE ? all : PARTS.map((part, i) => [part, FAMILIES[i % FAMILIES.length]]);
/** Without npx, which takes half a second, and as long again of a processor, over each of a hundred commands. */
const env = { BLOCKTUNE: 'node scripts/blocktune.mjs' };

test.skipIf(absent).each(cases)(
  'conformance: %s, %s (skipped where the references or python3 are absent)',
  async (part, family) => {
    const { code, stdout, stderr } = await run(root, 'python3', [check, part, family], { env });
    expect(`${stdout}${stderr}`).toMatch(/^(.*\n)*\w+: worst /);
    expect(code).toBe(0);
  },
);
