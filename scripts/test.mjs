// All tests: types and lint, the suite in Deno, runs of it with the kernels of a GPU, the engine in Node and in Chromium, the package, the page. Ends in one line, N passed, N failed.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const require = createRequire(import.meta.url);
const deno = require('deno/install_api.cjs').runInstall();
const out = mkdtempSync(join(tmpdir(), 'blocktune-'));
const env = { ...process.env };
env.XDG_RUNTIME_DIR ??= tmpdir();
let passed = 0;
let failed = 0;

check('types', 'npx', ['--no-install', 'tsc']);
check('docs', process.execPath, ['scripts/docs.mjs', '--check']);
check('lint', 'npx', ['--no-install', 'biome', 'check', '.']);
vitest('Deno', deno, ['run', '-A', '--quiet', 'node_modules/vitest/vitest.mjs'], 'unit');
vitest('Deno, as on hardware', deno, ['run', '-A', '--quiet', 'node_modules/vitest/vitest.mjs'], 'hardware');
vitest('Node', process.execPath, ['node_modules/vitest/vitest.mjs'], 'node');
vitest('Chromium', process.execPath, ['node_modules/vitest/vitest.mjs'], 'browser');
vitest('package', process.execPath, ['node_modules/vitest/vitest.mjs'], 'package');
playwright();

console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);

function run(name, command, args, more = {}) {
  console.log(`\n== ${name}`);
  const t = Date.now();
  const { status } = spawnSync(command, args, { stdio: 'inherit', env: { ...env, ...more } });
  console.log(`== ${name}: ${((Date.now() - t) / 1000).toFixed(0)} s`);
  return status === 0;
}

function check(name, command, args) {
  if (run(name, command, args)) passed++;
  else failed++;
}

/** Counts from the JSON report; a run that wrote none has failed once. */
function vitest(name, command, args, project) {
  const file = join(out, `${project}.json`);
  const ok = run(name, command, [
    ...args,
    'run',
    '--project',
    project,
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${file}`,
  ]);
  count(ok, () => {
    const r = JSON.parse(readFileSync(file, 'utf8'));
    // a file that does not load has no tests of its own
    const broken = r.testResults.filter((f) => f.status === 'failed' && !f.assertionResults.length).length;
    return [r.numPassedTests, r.numFailedTests + broken];
  });
}

function playwright() {
  const file = join(out, 'e2e.json');
  const ok = run('page', 'npx', ['--no-install', 'playwright', 'test', '--reporter=list,json'], {
    PLAYWRIGHT_JSON_OUTPUT_NAME: file,
  });
  count(ok, () => {
    const { stats } = JSON.parse(readFileSync(file, 'utf8'));
    return [stats.expected + stats.flaky, stats.unexpected];
  });
}

function count(ok, read) {
  try {
    const [good, bad] = read();
    passed += good;
    failed += ok || bad ? bad : 1;
  } catch {
    failed++;
  }
}
