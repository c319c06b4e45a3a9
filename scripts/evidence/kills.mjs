// A hundred runs killed (SIGKILL) at random moments of warm-up, training, evaluation and saving, each resumed: the bytes of a run that
// never was. Words: how many (100), and a seed. Writes a table of docs/reliability.md.
import { run as deno, put } from './reliability/page.mjs';

export function run([count = '100', seed = String(Date.now() % 2 ** 31)]) {
  const all = deno('scripts/evidence/reliability/kills.ts', [count, seed]);
  for (const k of all.filter(({ equal }) => !equal)) console.error(k);
  const names = [...new Set(all.map(({ name }) => name))];
  const rows = names.map((name) => {
    const of = all.filter((k) => k.name === name);
    const from = (test) => of.filter(test).length;
    return [name, of.length, from((k) => k.from === 0), from((k) => k.from > 0), from((k) => k.equal)];
  });
  put(
    'kills',
    ['run', 'kills', 'before the first checkpoint', 'later', 'bit-equal after --resume'],
    rows,
    `${all.filter(({ equal }) => equal).length} of ${all.length} bit-equal, seed ${seed}.`,
  );
  return all.every(({ equal }) => equal) ? 0 : 1;
}
