// The same seed gives the same bits: three training steps from the same start, fifty times, in Deno, in Node and in Chromium, by SMT and
// by full fine-tuning (test/gpu/run.test.ts): losses, gradient norms, and every bit of what trained and of its moments. Writes a table of
// docs/reliability.md. Words: how many times (50).
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { put, root } from './reliability/page.mjs';

export function run([times = '50']) {
  const deno = createRequire(import.meta.url)('deno/install_api.cjs').runInstall();
  const vitest = join(root, 'node_modules/vitest/vitest.mjs');
  const rows = [
    ['Deno', deno, ['run', '-A', '--quiet', vitest], 'unit'],
    ['Node', process.execPath, [vitest], 'node'],
    ['Chromium', process.execPath, [vitest], 'browser'],
  ].flatMap(([runtime, program, words, project]) =>
    repeated(program, words, project, times).map(({ of, same }) => [runtime, of, times, same ? 'the same' : 'others']),
  );
  put('bits', ['runtime', 'a whole run of', 'times', 'bits'], rows, 'Three steps from the same start and seed.');
  return rows.length === 6 && rows.every(([, , , bits]) => bits === 'the same') ? 0 : 1;
}

/** What came of the test in one runtime: by method, whether all bits were the same. */
function repeated(program, words, project, times) {
  const folder = mkdtempSync(join(tmpdir(), 'blocktune-bits-'));
  const file = join(folder, 'seen.json');
  try {
    const env = { ...process.env, REPEATS: times, XDG_RUNTIME_DIR: process.env.XDG_RUNTIME_DIR ?? tmpdir() };
    const asked = ['test/gpu/run.test.ts', '-t', 'gives the same bits', '--testTimeout', '900000'];
    const how = ['run', '--project', project, '--reporter=json', `--outputFile=${file}`, ...asked];
    spawnSync(program, [...words, ...how], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'], env });
    const tests = JSON.parse(readFileSync(file, 'utf8')).testResults.flatMap(({ assertionResults }) => assertionResults);
    return tests
      .filter(({ title, status }) => title === `gives the same bits ${times} times` && ['passed', 'failed'].includes(status))
      .map(({ ancestorTitles, status }) => ({
        of: ancestorTitles.at(-1).replace('a whole run of ', ''),
        same: status === 'passed',
      }));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
