// The PyTorch package (python/): the quick part of its own tests. All of them, with the command line beside: npm run evidence torch.

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { run } from '../package/installed.ts';

const python = process.env.BLOCKTUNE_PYTHON ?? 'python3';
const absent = spawnSync(python, ['-c', 'import torch, transformers, safetensors, pydantic, pytest']).status !== 0;
if (absent)
  console.warn(`python/ is not tested: ${python} has no torch, transformers, pydantic and pytest (pip install './python[test]')`);

test.skipIf(absent)('the quick part of its own tests (skipped where python3 lacks what it needs)', async () => {
  const cwd = fileURLToPath(new URL('../../python', import.meta.url));
  const { code, stdout, stderr } = await run(cwd, python, ['-m', 'pytest', '-q', '-m', 'quick']);
  expect(`${stdout}${stderr}`).toMatch(/^\d+ passed/m);
  expect(code).toBe(0);
});
