// All tests: types and lint, the suite in Deno, the engine in Node and in Chromium, the package, runs in Deno with the kernels of a GPU, the page. What failed is said again at the end, before its one line: N passed, N failed.
// Vitest keeps two processors busy with files side by side. Chromium, the package and the page are one test after another, which leave a processor idle: the page runs beside
// them, and outlasts them: the kernels of a GPU are what fills its end.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { failuresOfPlaywright, failuresOfVitest } from './failures.mjs';

const require = createRequire(import.meta.url);
const deno = require('deno/install_api.cjs').runInstall();
const out = mkdtempSync(join(tmpdir(), 'blocktune-'));
const env = { ...process.env };
env.XDG_RUNTIME_DIR ??= tmpdir();
/** Of a part whose failure no report explains, the end of its output is said again. */
const LAST_CHARACTERS = 3000;
let passed = 0;
const failures = [];

await check('types', 'npx', ['--no-install', 'tsc']);
await check('docs', process.execPath, ['scripts/docs.mjs', '--check']);
await check('lint', 'npx', ['--no-install', 'biome', 'check', '.']);
await vitest('Deno', deno, ['run', '-A', '--quiet', 'node_modules/vitest/vitest.mjs'], 'unit');
await vitest('Node', process.execPath, ['node_modules/vitest/vitest.mjs'], 'node');
const page = playwright();
await vitest('Chromium', process.execPath, ['node_modules/vitest/vitest.mjs'], 'browser');
await vitest('package', process.execPath, ['node_modules/vitest/vitest.mjs'], 'package');
await vitest('Deno, as on hardware', deno, ['run', '-A', '--quiet', 'node_modules/vitest/vitest.mjs'], 'hardware');
await page;

for (const text of failures) console.log(`\n== failed: ${text}`);
console.log(`${passed} passed, ${failures.length} failed`);
process.exit(failures.length ? 1 : 0);

async function check(name, command, args) {
  const { ok, end } = await run(name, command, args);
  if (ok) passed++;
  else failures.push(`${name}\n${end}`);
}

async function vitest(name, command, args, project) {
  const file = join(out, `${project}.json`);
  const reports = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`];
  const ran = await run(name, command, [...args, 'run', '--project', project, ...reports]);
  count(name, ran, () => {
    const r = JSON.parse(readFileSync(file, 'utf8'));
    return [r.numPassedTests, failuresOfVitest(r)];
  });
}

async function playwright() {
  const file = join(out, 'e2e.json');
  const words = ['--no-install', 'playwright', 'test', '--reporter=list,json'];
  const ran = await run('page', 'npx', words, { env: { PLAYWRIGHT_JSON_OUTPUT_NAME: file }, beside: true });
  count('page', ran, () => {
    const r = JSON.parse(readFileSync(file, 'utf8'));
    return [r.stats.expected + r.stats.flaky, failuresOfPlaywright(r)];
  });
}

/** A part that failed and names no test, or wrote no report, has failed once. */
function count(name, { ok, end }, read) {
  let named = [];
  try {
    const [good, bad] = read();
    passed += good;
    named = bad;
  } catch (e) {
    named = [`no report: ${e.message}\n${end}`];
  }
  if (!ok && !named.length) named = [`an error outside its tests\n${end}`];
  failures.push(...named.map((text) => `${name}: ${text}`));
}

/** Runs a command, its output shown as it comes, or, `beside` another one, when it has ended: {ok, the end of what it said}. */
async function run(name, command, args, { env: more, beside = false } = {}) {
  if (!beside) console.log(`\n== ${name}`);
  const t = Date.now();
  const child = spawn(command, args, { stdio: ['inherit', 'pipe', 'pipe'], env: { ...env, ...more } });
  let end = '';
  const held = [];
  const show = (to) => (chunk) => {
    if (beside) held.push(chunk);
    else to.write(chunk);
    end = (end + chunk).slice(-LAST_CHARACTERS);
  };
  child.stdout.on('data', show(process.stdout));
  child.stderr.on('data', show(process.stderr));
  const status = await new Promise((done) => {
    child.on('error', (e) => {
      end += e.message;
      done(-1);
    });
    child.on('close', done);
  });
  if (beside) process.stdout.write(`\n== ${name}\n${Buffer.concat(held)}`);
  console.log(`== ${name}: ${((Date.now() - t) / 1000).toFixed(0)} s`);
  return { ok: status === 0, end };
}
