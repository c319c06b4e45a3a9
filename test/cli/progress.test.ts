// Progress without a terminal: a line for each tenth of the work or each ten seconds, whatever the phase, and never more.
import { expect, test } from 'vitest';
import { progress } from '../../src/cli/progress.ts';
import type { Terminal } from '../../src/cli/terminal.ts';

const pipe: Terminal = { live: false, colors: 0, unicode: true, width: 80 };

/** The lines of a phase whose parts take `ms` each, and are told `every` so many. */
function lines(total: number, ms: number, every = 1, until = total): string[] {
  let text = '';
  let clock = 0;
  const shown = progress(pipe, { write: (part) => (text += part), now: () => clock });
  shown.start('after', total);
  for (let done = every; done <= until; done += every) {
    clock += ms * every;
    shown.tick(done, 'prompts answered');
  }
  shown.stop();
  return text.split('\n').slice(0, -1);
}

test('a quick phase has a line for each tenth', () => {
  const all = lines(128, 10);
  expect(all).toHaveLength(10);
  expect(all[0]).toBe('after    13/128  prompts answered');
  expect(all.at(-1)).toBe('after    128/128  prompts answered');
});
test('a slow one has a line for each ten seconds', () => {
  expect(lines(1000, 3000, 1, 20).map((line) => line.match(/(\d+)\/1000/)![1])).toEqual(['4', '8', '12', '16', '20']);
});
test('a small one has a line for each part', () => expect(lines(4, 1)).toHaveLength(4));
test('one that is stopped says how far it came', () => {
  expect(lines(200, 1, 1, 30)).toEqual(['after    20/200  prompts answered', 'after    30/200  prompts answered']);
});
test('a phase in which nothing was done says nothing', () => expect(lines(200, 1, 1, 0)).toEqual([]));
