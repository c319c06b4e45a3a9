// What checkpoints cost a run whose state is 100 MB, at one a minute. Words: how many (5). Writes a table of docs/reliability.md.
import { run as deno, put } from './reliability/page.mjs';

export function run(words) {
  const [saw] = deno('scripts/evidence/reliability/saving.ts', words);
  const ms = (x) => `${Math.round(x)} ms`;
  const share = (x) => `${(100 * x).toFixed(2)} %`;
  put(
    'saving',
    ['one checkpoint a minute', 'the run waits', 'share of its time'],
    [
      ['all of it waited for', ms(saw.whole), share(saw.share.before)],
      [
        'written beside the steps',
        `${ms(saw.wait)}, and ${ms(saw.slower)} more in the ${saw.beside.toFixed(0)} steps while it is written`,
        share(saw.share.now),
      ],
    ],
    `${saw.checkpoints} checkpoints of ${Math.round(saw.mb)} MB, on ${saw.device}, whose processors are the GPU too. Of all the processors' ` +
      `time, which others at work beside do not move, a checkpoint takes ${ms(saw.cpu)}: ${share(saw.share.cpu)} of a minute of steps.`,
  );
  return saw.share.now <= 0.02 ? 0 : 1;
}
