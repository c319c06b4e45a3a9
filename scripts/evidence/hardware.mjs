// Is what a GPU would run right? Every test that runs kernels, and the command line against its PyTorch references, with the software
// adapters here treated as hardware: goldens of every family, gradients, methods, ops, the self-test. Writes docs/hardware.md.
// Words, if any: only those parts and runtimes, whose lines of the page are written anew; each as soon as it is known.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const deno = createRequire(import.meta.url)('deno/install_api.cjs').runInstall();
const PAGE = join(root, 'docs/hardware.md');
const config = 'scripts/evidence/hardware/vitest.config.ts';
const VITEST = 'node_modules/vitest/vitest.mjs';
const RUNTIMES = {
  Deno: [deno, 'run', '-A', '--quiet', VITEST],
  Node: [process.execPath, VITEST],
};

/** What is run, in which runtimes, by tests in which files. Node runs another driver, which compiles slowly. */
const PARTS = {
  device: { files: ['test/hardware/pretended', 'test/gpu/run', 'test/gpu/device', 'test/gpu/kernels'], in: ['Deno', 'Node'] },
  ops: { files: ['test/ops/'], in: ['Deno', 'Node'] },
  models: { files: ['test/models/'], in: ['Deno', 'Node'] },
  methods: { files: ['test/methods/'], in: ['Deno', 'Node'] },
  training: { files: ['test/train/', 'test/eval/'], in: ['Deno'] },
  'self-test': { files: ['test/commands/doctor'], in: ['Deno'] },
  conformance: { files: ['test/cli/conformance'], in: ['Deno'] },
};

export async function run(words) {
  const known = [...Object.keys(PARTS), ...Object.keys(RUNTIMES)];
  const unknown = words.filter((w) => !known.includes(w));
  if (unknown.length) throw new Error(`expected some of ${known.join(' ')}, got ${unknown.join(' ')}`);
  const among = (name, all) => !words.some((w) => all[w]) || words.includes(name);
  const folder = mkdtempSync(join(tmpdir(), 'blocktune-hardware-'));
  const rows = [];
  try {
    const env = { ...process.env, BLOCKTUNE: await command(folder), NO_COLOR: '1' };
    env.XDG_RUNTIME_DIR ??= tmpdir();
    for (const [part, { files, in: runtimes }] of Object.entries(PARTS))
      for (const runtime of runtimes.filter((r) => among(part, PARTS) && among(r, RUNTIMES))) {
        const row = { part, runtime, ...(await outcome(join(folder, 'report.json'), RUNTIMES[runtime], files, env)) };
        rows.push(row);
        console.log(
          `${part} in ${runtime}: ${row.passed} passed, ${row.failed.length} failed, ${row.skipped} skipped, ${row.seconds} s`,
        );
        for (const name of row.failed) console.log(`  FAILED ${name}`);
        writeFileSync(PAGE, page(rows));
      }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return rows.some((r) => r.failed.length) ? 1 : 0;
}

/** The command line in Deno with the pretended device, as check.py takes it: words without spaces. */
async function command(folder) {
  const map = join(folder, 'map.json');
  const script = "import { importMap } from './test/hardware/pretend.ts'; console.log(JSON.stringify(importMap()));";
  writeFileSync(map, await textOf(deno, ['eval', '--no-lock', script]));
  const flags = ['--allow-all', '--quiet', '--no-lock', '--no-config', '--node-modules-dir=manual', `--import-map=${map}`];
  return [deno, 'run', ...flags, join(root, 'src/cli/main.ts')].join(' ');
}

async function outcome(file, [program, ...args], files, env) {
  const started = Date.now();
  rmSync(file, { force: true });
  const child = spawn(program, [...args, 'run', '--config', config, '--reporter=json', `--outputFile=${file}`, ...files], {
    cwd: root,
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  await new Promise((resolve) => child.on('exit', resolve));
  const { testResults, numPassedTests, numPendingTests } = JSON.parse(readFileSync(file, 'utf8'));
  const failed = testResults.flatMap((f) => {
    const why = ({ failureMessages }) => failureMessages[0]?.split('\n')[0] ?? '';
    const tests = f.assertionResults.filter((t) => t.status === 'failed').map((t) => `${t.fullName}: ${why(t)}`);
    return f.status === 'failed' && !tests.length ? [`${f.name}: ${f.message}`] : tests; // a file that does not load
  });
  return { passed: numPassedTests, failed, skipped: numPendingTests, seconds: Math.round((Date.now() - started) / 1000) };
}

function textOf(program, args) {
  const child = spawn(program, args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', (part) => (text += part));
  return new Promise((resolve) => child.on('close', () => resolve(text)));
}

/** The page with these rows in the place of what it had of their parts. */
function page(rows) {
  const has = existsSync(PAGE) ? readFileSync(PAGE, 'utf8').split('\n') : [];
  const lines = Object.entries(PARTS).flatMap(([part, { in: runtimes }]) =>
    runtimes.flatMap((runtime) => {
      const r = rows.find((r) => r.part === part && r.runtime === runtime);
      const before = has.filter((line) => line.startsWith(`| ${part} | ${runtime} |`));
      if (r) return [`| ${part} | ${runtime} | ${r.passed} | ${r.failed.length} | ${r.skipped} | ${r.seconds} |`];
      return before.length ? before : [`| ${part} | ${runtime} | not run | | | |`];
    }),
  );
  return `# The hardware path, run

Written by \`npm run evidence hardware\`. GPUs run other kernels than the software adapters that most tests have. Here every adapter is
treated as hardware (\`test/hardware/pretend.ts\`), so that llvmpipe in Deno and SwiftShader in Node run what a GPU would: products in
tiles, attention in tiles, chosen blocks within the product. The tests are the same, and so are their bounds: goldens and gradients of
every family against PyTorch, ops against f64, whole runs of every method, and the command line against PyTorch, transformers and PEFT.
\`npm test\` has part of it: goldens with the kernels of a GPU in every runtime, methods in Deno.

Seconds are of two cores that other work shared: SwiftShader compiles a kernel for up to minutes then. In Node the
long lists of ops are sampled (\`test/some.ts\`); in Deno they are whole.

| part | runtime | passed | failed | skipped | seconds |
|---|---|---|---|---|---|
${lines.join('\n')}
`;
}
