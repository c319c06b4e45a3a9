// Forty rows whose gradient is not finite among eighty that are sound: forty steps are skipped, and the adapter is that of the eighty
// alone, to the bit. Writes a table of docs/reliability.md.
import { run as deno, put } from './reliability/page.mjs';

export function run() {
  const all = deno('scripts/evidence/reliability/nonfinite.ts', []);
  put(
    'nonfinite',
    ['method', 'injected', 'skipped', 'sound steps skipped', 'weights as without them'],
    all.map((r) => [r.name, r.injected, r.skipped, r.others, r.equal ? 'to the bit' : 'other']),
    `${all.reduce((n, r) => n + r.skipped, 0)} of ${all.reduce((n, r) => n + r.injected, 0)} skipped.`,
  );
  return all.every((r) => r.skipped === r.injected && r.others === 0 && r.equal) ? 0 : 1;
}
