// What checkpoints cost a run whose state is 100 MB, at one a minute. Words: how many (5). Writes a table of docs/reliability.md.
import { run as deno, put } from './reliability/page.mjs';

export function run(words) {
  const [saw] = deno('scripts/evidence/reliability/saving.ts', words);
  const row = (what, ms) => [what, `${Math.round(ms)} ms`, `${((100 * ms) / 60_000).toFixed(2)} %`];
  put(
    'saving',
    ['one checkpoint a minute', 'time', 'of a minute'],
    [
      row('all of it waited for', saw.whole),
      row('the run waits while it is copied aside', saw.wait),
      row('work of processors to read, hash and write it', saw.work),
    ],
    `${saw.checkpoints} checkpoints of ${Math.round(saw.mb)} MB, on ${saw.device}, whose processors are the GPU too; medians. The ${saw.steps.toFixed(0)} steps ` +
      `while one is written took ${Math.round(saw.slower)} ± ${Math.round(saw.error)} ms longer than as many others (one standard error; ${Math.round(saw.step)} ms each).`,
  );
  return saw.wait + saw.work <= 1200 ? 0 : 1;
}
