// The command line against PyTorch references that nobody here wrote: shared/conformance/check.py, every part of it.
// Skipped where the shared data or a python3 is absent.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { root, shared } from './tiny.ts';

const check = resolve(root, shared, 'conformance/check.py');
const absent = !existsSync(check) || spawnSync('python3', ['--version']).status !== 0;

test.skipIf(absent).each(['eval', 'greedy', 'full', 'smt', 'scores', 'official', 'lora', 'dora'])(
  'conformance: %s (skipped where the references or python3 are absent)',
  (part) => {
    const { status, stdout, stderr } = spawnSync('python3', [check, part], { cwd: root, encoding: 'utf8' });
    expect(`${stdout}${stderr}`).toMatch(/^(.*\n)*\w+: worst /);
    expect(status).toBe(0);
  },
  300_000,
);
