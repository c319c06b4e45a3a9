// Devices lost at every stage of a run by every method, in Deno and Node (test/train/lost.test.ts), and in Chromium runs whose GPU
// process is killed at random moments: the bytes of a run that kept its device. Words: how many kills (20), and a seed. Writes a table
// of docs/reliability.md.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run as deno, put, root } from './reliability/page.mjs';

export function run([count = '20', seed = String(Date.now() % 2 ** 31)]) {
  const runtime = createRequire(import.meta.url)('deno/install_api.cjs').runInstall();
  const vitest = join(root, 'node_modules/vitest/vitest.mjs');
  const rows = [
    ['Deno', 'device.destroy() at a stage', ...destroyed(runtime, ['run', '-A', '--quiet', vitest], 'unit')],
    ['Node', 'device.destroy() at a stage', ...destroyed(process.execPath, [vitest], 'node')],
  ];
  // one kill a run, and two a run
  const kills = [
    ...deno('scripts/evidence/reliability/gpu-kills.ts', [String(Math.ceil(Number(count) / 2)), '1', seed]),
    ...deno('scripts/evidence/reliability/gpu-kills.ts', [String(Math.ceil(Number(count) / 4)), '2', seed]),
  ];
  for (const k of kills.filter(({ equal }) => !equal)) console.error(k);
  const all = kills.reduce((n, { at }) => n + at.length, 0);
  rows.push(['Chromium', 'GPU process killed', all, kills.filter(({ equal }) => equal).reduce((n, { at }) => n + at.length, 0)]);
  put('lost', ['runtime', 'how', 'losses', 'gone on from, bit-equal'], rows, `Seed ${seed}.`);
  return rows.every(([, , of, equal]) => of > 0 && of === equal) ? 0 : 1;
}

/** Stages gone through, and those that went right. */
function destroyed(program, words, project) {
  const folder = mkdtempSync(join(tmpdir(), 'blocktune-lost-'));
  const file = join(folder, 'seen.json');
  try {
    const env = { ...process.env, LOSSES: 'all', EVERYWHERE: '1', XDG_RUNTIME_DIR: process.env.XDG_RUNTIME_DIR ?? tmpdir() };
    const how = ['run', '--project', project, '--reporter=json', `--outputFile=${file}`, 'test/train/lost.test.ts'];
    spawnSync(program, [...words, ...how], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'], env });
    const tests = JSON.parse(readFileSync(file, 'utf8')).testResults.flatMap(({ assertionResults }) => assertionResults);
    const stages = tests.filter(({ title }) => title.startsWith('lost when '));
    return [stages.length, stages.filter(({ status }) => status === 'passed').length];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
