// Do the tests notice a wrong kernel? Each mutant of mutation/mutants.mjs is one change to one file of WGSL, made while the module
// loads (the working tree is never touched); the tests that should notice run in Deno. Writes docs/mutation.md.
// Words, if any: only mutants whose file or number matches one of them; then nothing is written.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MUTANTS, mutated } from './mutation/mutants.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const config = fileURLToPath(new URL('./mutation/vitest.config.ts', import.meta.url));
const deno = createRequire(import.meta.url)('deno/install_api.cjs').runInstall();
/** Share of mutants that must be noticed. */
const LEAST = 0.95;
const SECONDS = 300;

export async function run(words) {
  const all = MUTANTS.map((m, i) => ({ ...m, number: i + 1 }));
  const wanted = all.filter((m) => !words.length || words.some((w) => (Number(w) ? Number(w) === m.number : m.file.includes(w))));
  for (const m of wanted) mutated(m, readFileSync(join(root, 'shaders', `${m.file}.wgsl`), 'utf8')); // throws where a pattern is gone
  const tests = [...new Set(wanted.map((m) => m.tests))];
  console.log(`${wanted.length} mutants; first the ${tests.length} sets of tests without one`);
  for (const set of tests) {
    const { killed, by } = await outcome(set);
    if (killed) throw new Error(`expected ${set} to pass without a mutant, got a failure: ${by}`);
  }
  const results = [];
  const queue = [...wanted];
  const started = Date.now();
  const worker = async () => {
    for (let m = queue.shift(); m; m = queue.shift()) {
      const result = { ...m, ...(await outcome(m.tests, m.number)) };
      results.push(result);
      console.log(
        `${result.killed ? 'killed  ' : 'SURVIVED'} ${m.number} ${m.file}: ${m.what}${result.killed ? ` (${result.by})` : ''}`,
      );
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, Math.floor(availableParallelism() / 2)) }, worker));
  results.sort((a, b) => a.number - b.number);
  const killed = results.filter((r) => r.killed).length;
  console.log(`${killed} of ${results.length} killed in ${((Date.now() - started) / 60_000).toFixed(0)} minutes`);
  if (!words.length) writeFileSync(join(root, 'docs/mutation.md'), page(results, killed));
  return killed / results.length >= LEAST ? 0 : 1;
}

/** Whether tests fail with a mutant (0: none), and the first that does. A mutant that does not compile proves nothing: an error. */
async function outcome(tests, number = 0) {
  const folder = mkdtempSync(join(tmpdir(), 'blocktune-mutation-'));
  const file = join(folder, 'report.json');
  const words = ['run', '-A', '--quiet', 'node_modules/vitest/vitest.mjs', 'run', '--config', config, '--bail', '1'];
  const env = { ...process.env, XDG_RUNTIME_DIR: process.env.XDG_RUNTIME_DIR ?? tmpdir(), NO_COLOR: '1', MUTANT: String(number) };
  const child = spawn(deno, [...words, '--reporter', 'json', '--outputFile', file, ...tests.split(' ')], {
    cwd: root,
    env,
    stdio: 'ignore',
  });
  let late = false;
  const clock = setTimeout(() => (late = child.kill('SIGKILL')), 1000 * SECONDS);
  await new Promise((resolve) => child.on('exit', resolve));
  clearTimeout(clock);
  try {
    if (late) return { killed: true, by: `no end within ${SECONDS} s` };
    const report = JSON.parse(readFileSync(file, 'utf8'));
    const failed = report.testResults.flatMap((f) => f.assertionResults.filter((t) => t.status === 'failed'));
    const said = failed.flatMap((t) => t.failureMessages).join('\n') + report.testResults.map((f) => f.message).join('\n');
    if (/the GPU reported|: expected .*, got only/.test(said))
      throw new Error(`mutant ${number} does not compile: ${said.slice(0, 300)}`);
    if (!report.success && !failed.length) throw new Error(`mutant ${number}: no test ran: ${said.slice(0, 300)}`);
    return failed.length ? { killed: true, by: failed[0].fullName.replaceAll('+0', '0') } : { killed: false };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function page(results, killed) {
  const cell = (text) => text.replaceAll('|', '\\|').replace(/\s*\n\s*/g, ' ⏎ ');
  const code = (text) => (text ? `\`${cell(text)}\`` : 'nothing');
  const rows = results.map(
    (r) =>
      `| ${r.number} | ${r.file} | ${cell(r.what)} | ${code(r.from)} → ${code(r.to)} | ${r.killed ? cell(r.by) : '**survived**'} |`,
  );
  return `# Do the tests notice a wrong kernel?

Written by \`npm run evidence mutation\`: one change to the WGSL at a time, and the first test that fails with it (in Deno, on a
software adapter). ${killed} of ${results.length} mutants were noticed.

| | file of shaders/ | mutant | change | noticed by |
|-|-|-|-|-|
${rows.join('\n')}
`;
}
