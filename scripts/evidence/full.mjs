// A disk that fills up under a run and is cleared again: a tmpfs of 2 MB, mounted for it (on Linux, as root).
// Saving pauses and is said, training goes on, the last checkpoint stays, saving goes on, and the result is that of a run with room.
// Writes a table of docs/reliability.md.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run as deno, put } from './reliability/page.mjs';

export function run() {
  const disk = mkdtempSync(join(tmpdir(), 'blocktune-full-'));
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', disk], { stdio: 'inherit' });
  if (mounted.status !== 0) {
    rmSync(disk, { recursive: true });
    throw new Error('expected to mount a tmpfs of 2 MB, got a refusal: run it as root on Linux');
  }
  try {
    const [r] = deno('scripts/evidence/reliability/full.ts', [disk]);
    const fine = r.steps === 12 && r.said > 0 && r.again === 1 && r.kept.length > 0 && r.other.length === 0;
    put(
      'full',
      ['steps', 'checkpoints that found no room', 'there meanwhile', 'at the end', 'result as with room'],
      [
        [
          `${r.steps} of 12`,
          r.said,
          r.kept.join(', '),
          r.after.join(', '),
          r.other.length ? `other ${r.other.join(', ')}` : 'to the bit',
        ],
      ],
      `A tmpfs of 2 MB, full from step 4 to step 8: ${fine ? 'survived' : 'not survived'}.`,
    );
    return fine ? 0 : 1;
  } finally {
    spawnSync('umount', [disk], { stdio: 'inherit' });
    rmSync(disk, { recursive: true, force: true });
  }
}
