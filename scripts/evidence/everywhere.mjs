// The whole tests of the engine in Node (Dawn) and in Chromium: npm test has there what differs from Deno, since SwiftShader, which runs
// both without a GPU, takes long over the rest; and of Deno's those of which npm test has a part. Writes no page. Words: files, if not all.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';

const VITEST = 'node_modules/vitest/vitest.mjs';
/** Of Deno's tests those that have more to run where everything is asked for. */
const IN_DENO = ['cli/conformance', 'models/golden', 'models/golden-tiles', 'ops/linear'].map((name) => `test/${name}.test.ts`);

export function run(files) {
  const deno = createRequire(import.meta.url)('deno/install_api.cjs').runInstall();
  const env = { ...process.env, EVERYWHERE: '1' };
  const inDeno = IN_DENO.filter((file) => !files.length || files.some((word) => file.includes(word)));
  // words may name what runs in Deno alone
  const none = inDeno.length ? ['--passWithNoTests'] : [];
  const run = (project, program, words, some) =>
    spawnSync(program, [...words, VITEST, 'run', '--project', project, ...none, ...some], { stdio: 'inherit', env });
  const ended = ['node', 'browser'].map((project) => run(project, process.execPath, [], files));
  if (inDeno.length) ended.push(run('unit', deno, ['run', '-A', '--quiet'], inDeno));
  return ended.some(({ status }) => status !== 0) ? 1 : 0;
}
