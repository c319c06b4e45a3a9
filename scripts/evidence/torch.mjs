// Is python/ the same as this? Its types and all its tests: against the goldens that PyTorch made, against this command line, over several
// processes. Needs a python3 (or BLOCKTUNE_PYTHON) with `pip install './python[test]'`. Words: what pytest takes, such as -k adapter.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export function run(words) {
  const python = process.env.BLOCKTUNE_PYTHON ?? 'python3';
  const cwd = fileURLToPath(new URL('../../python', import.meta.url));
  const said = (...args) => spawnSync(python, ['-m', ...args], { cwd, stdio: 'inherit' }).status;
  if (spawnSync(python, ['-c', 'import torch, transformers, pydantic, pytest, mypy, ruff']).status !== 0) {
    console.error(
      `evidence torch: expected ${python} with torch, transformers, pydantic, pytest, mypy and ruff, got none: pip install './python[test]'`,
    );
    return 1;
  }
  return said('ruff', 'check') || said('ruff', 'format', '--check') || said('mypy') || said('pytest', ...words) ? 1 : 0;
}
