// The whole tests of the engine in Node (Dawn) and in Chromium: npm test has there what differs from Deno, since SwiftShader, which runs
// both without a GPU, takes long over the rest. Writes no page. Words: files, if not all.
import { spawnSync } from 'node:child_process';

export function run(files) {
  const env = { ...process.env, EVERYWHERE: '1' };
  const run = (project) =>
    spawnSync('npx', ['--no-install', 'vitest', 'run', '--project', project, ...files], { stdio: 'inherit', env });
  return ['node', 'browser'].map(run).some(({ status }) => status !== 0) ? 1 : 0;
}
