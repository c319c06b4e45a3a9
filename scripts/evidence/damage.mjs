// Every byte of a small checkpoint and a small adapter changed in two ways, and a thousand larger changes at random (fast-check): all are
// found. Words: how many of the latter (1000), and a seed. Writes a table of docs/reliability.md.
import { run as deno, put } from './reliability/page.mjs';

export function run([count = '1000', seed = String(Date.now() % 2 ** 31)]) {
  const all = deno('scripts/evidence/reliability/damage.ts', [count, seed]);
  const sum = (key) => all.reduce((n, one) => n + one[key], 0);
  put(
    'damage',
    ['of', 'file', 'bytes', 'flips found', 'larger changes found'],
    all.map((r) => [r.kind, r.file, r.bytes, `${r.found} of ${r.flips}`, `${r.changesFound} of ${r.changes}`]),
    `${sum('found')} of ${sum('flips')} flips and ${sum('changesFound')} of ${sum('changes')} larger changes found, seed ${seed}.`,
  );
  return sum('found') === sum('flips') && sum('changesFound') === sum('changes') ? 0 : 1;
}
