// Ten thousand files that were sound, changed at random (fast-check), of each kind that is read from others: a clean error or a
// correct read, within 2 s and 4 times the file in memory. Words: how many in all (10000), and a seed. Writes a table of
// docs/reliability.md, with the seed that repeats it.
import { run as deno, put } from './reliability/page.mjs';

export function run([count = '10000', seed = String(Date.now() % 2 ** 31)]) {
  const results = deno('scripts/evidence/reliability/fuzz.ts', [count, seed]);
  for (const { kind, faults } of results) for (const fault of faults) console.error(`${kind}: ${fault}`);
  put(
    'fuzz',
    ['kind', 'cases', 'refused', 'read', 'longest ms', 'faults'],
    results.map((r) => [r.kind, r.cases, r.refused, r.cases - r.refused, Math.round(r.longest), r.faults.length]),
    `${results.reduce((n, r) => n + r.cases, 0)} cases, seed ${seed}.`,
  );
  return results.some(({ faults }) => faults.length) ? 1 : 0;
}
