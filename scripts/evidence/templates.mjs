// Do templates write what Python's Jinja writes? Random expressions over values of every kind; needs python3 with transformers and
// jinja2. Words: how many (20000) and the seed (1). Writes a table of docs/rows.md. Fixed vectors are test/data/jinja.test.ts.
import { put } from './chats/page.mjs';
import { differences } from './tables/differential.mjs';

export function run([count = '20000', seed = '1']) {
  const words = ['scripts/evidence/templates/write.py', 'transformers', [count, seed], 'scripts/evidence/templates/compare.ts'];
  const results = differences(...words);
  for (const text of results.flatMap(({ off }) => off)) console.error(text);
  put(
    'random',
    ['', 'cases', 'of them raise', 'differ', 'refused here alone'],
    results.map((r) => [`${r.name}, seed ${seed}`, r.cases, r.raise, r.off.length, r.refused]),
  );
  return results.some(({ off }) => off.length > 0) ? 1 : 0;
}
