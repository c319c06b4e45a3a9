// npm run evidence page: every screen of the page in both themes and three widths as pictures (out/page), looked through by axe, with
// no overflow, no layout that shifts while a run goes on, and no long task of the page meanwhile. Then the three pictures of the README.
// Runs that outlive their GPU, their whole browser and a full quota, downloads that break off, exports beside those of the command line, and the speed of a hidden tab. Words: which files of page/.
import { spawnSync } from 'node:child_process';

export function run(words) {
  const { status } = spawnSync(
    'npx',
    ['--no-install', 'playwright', 'test', '-c', 'scripts/evidence/page/playwright.config.ts', ...words],
    {
      stdio: 'inherit',
    },
  );
  return status ?? 1;
}
