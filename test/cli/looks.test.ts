// How things look on a terminal: words for figures, bars, curves, the picture of the blocks; with colours, without, in ASCII.

import { describe, expect, test } from 'vitest';
import { answersTable } from '../../src/cli/answers.ts';
import { comparisonTable } from '../../src/cli/compared.ts';
import { memoryBar } from '../../src/cli/memory.ts';
import { picture } from '../../src/cli/picture.ts';
import {
  bar,
  fitted,
  fitting,
  flowed,
  LABEL,
  padded,
  paint,
  sparkline,
  type Terminal,
  terminal,
  widthOf,
  wrapped,
} from '../../src/cli/terminal.ts';
import { summarize } from '../../src/commands/compare/result.ts';
import type { Line } from '../../src/report.ts';
import { bytes, count, duration, percent, rate } from '../../src/words.ts';
import { result } from '../commands/results.ts';

const ascii: Terminal = { live: false, colors: 0, unicode: false, width: 80 };
const plain: Terminal = { ...ascii, unicode: true };
const colored: Terminal = { live: true, colors: 256, unicode: true, width: 100 };

describe('words', () => {
  test.each([
    [0, '0 bytes'],
    [999, '999 bytes'],
    [1000, '1.00 KB'],
    [1_234_567, '1.23 MB'],
    [999_400_000, '999 MB'],
    [20_700_000_000, '20.7 GB'],
  ])('%d bytes', (n, text) => expect(bytes(n)).toBe(text));

  test.each([
    [9999, '9999'],
    [453_000, '453 thousand'],
    [135_000_000, '135 million'],
    [1_236_000_000, '1.24 billion'],
  ])('%d', (n, text) => expect(count(n)).toBe(text));

  test.each([
    [0.44, '0.4 s'],
    [9.96, '10 s'],
    [59.4, '59 s'],
    [59.6, '1:00 min'],
    [3599, '59:59 min'],
    [3725, '1:02:05 h'],
  ])('%d seconds', (s, text) => expect(duration(s)).toBe(text));

  test.each([
    [0, '0 %'],
    [0.0084, '0.84 %'],
    [0.953, '95 %'],
    [0.999, '100 %'],
  ])('share %d', (x, text) => expect(percent(x)).toBe(text));

  test('rates', () => expect([rate(1.234), rate(12.34), rate(1234)]).toEqual(['1.2', '12', '1234']));
});

describe('the terminal', () => {
  const tty = { isTTY: true, columns: 100 };
  test.each<[env: Record<string, string>, stream: object, colors: number, live: boolean]>([
    [{ TERM: 'xterm-256color' }, tty, 256, true],
    [{ TERM: 'xterm' }, tty, 16, true],
    [{ TERM: 'xterm-256color', NO_COLOR: '1' }, tty, 0, true],
    [{ TERM: 'dumb' }, tty, 0, false],
    [{ TERM: 'xterm-256color' }, {}, 0, false],
  ])('%o', (env, stream, colors, live) => expect(terminal(env, stream)).toMatchObject({ colors, live }));

  test.each<[env: Record<string, string>, unicode: boolean]>([
    [{ LANG: 'en_US.UTF-8' }, true],
    [{ LANG: 'C' }, false],
    [{ LC_ALL: 'C', LANG: 'en_US.UTF-8' }, false],
    [{ TERM: 'xterm' }, true],
    [{ TERM: 'linux' }, false],
  ])('unicode by %o', (env, unicode) => expect(terminal(env, {}).unicode).toBe(unicode));
});

describe('lines', () => {
  test.each([0, 0.5, 1])('a bar of %d keeps its width', (share) => {
    expect(widthOf(bar(colored, share, 20))).toBe(20);
    expect(bar(ascii, share, 20)).toHaveLength(22);
  });
  test('a curve falls from its highest to its lowest step', () => expect(sparkline(plain, [8, 4, 2, 1], 16)).toBe('█▄▂▁'));
  test('a long curve is the mean of its runs', () => expect(sparkline(ascii, [0, 2, 8, 10], 2)).toBe('_#'));
  test('what is not finite is left out', () => expect(sparkline(plain, [1, Number.NaN, 0], 4)).toBe('█▁'));
  test('an empty curve is nothing', () => expect(sparkline(plain, [], 4)).toBe(''));
  test('a text that does not fit ends in dots', () => expect(fitted(plain, 'one  two three', 8)).toBe('one two…'));
  test('a text that fits is left alone', () => expect(fitted(ascii, 'one two', 7)).toBe('one two'));
});

describe('wide characters', () => {
  test.each([
    ['abc', 3],
    ['日本語', 6], // two columns each
    ['e\u0301a', 2], // a mark that combines has none
    ['한국', 4],
    ['👍🏽', 2], // with its colour of skin
    ['👩‍👩‍👧', 2], // one picture of several
    ['🇩🇪', 2],
    ['━▏⣀▕', 4], // what the bars are made of
    [paint(colored, 'bold', '日本'), 4],
  ])('%s takes %i columns', (text, columns) => expect(widthOf(text)).toBe(columns));
  test.each([
    ['日本語です', 7, '日本語…'],
    ['日本語です', 6, '日本…'], // half a character is none
    ['👩‍👩‍👧👩‍👩‍👧👩‍👩‍👧', 5, '👩‍👩‍👧👩‍👩‍👧…'],
    ['e\u0301e\u0301e\u0301', 2, 'e\u0301…'],
    ['日本語', 0, ''],
  ])('%s in %i', (text, width, cut) => expect(fitted(plain, text, width)).toBe(cut));
  test('a coloured text is cut by what is seen of it', () =>
    expect(widthOf(fitted(colored, `loss ${paint(colored, 'cyan', '█▄▂▁')} 2 tokens/s`, 8))).toBe(8));
  test('columns of them stand below each other', () => {
    for (const text of ['日本', 'cafe\u0301', '👍🏽']) expect(widthOf(padded(text, 6))).toBe(6);
  });
  test('lines of them are broken before the edge', () => {
    for (const line of [...wrapped('日本語 です 日本語です', 8), ...flowed(['日本', '日本', '日本'], ' ', 8)])
      expect(widthOf(line)).toBeLessThanOrEqual(8);
    expect(wrapped('一二三四五', 4)).toEqual(['一二', '三四', '五']);
  });
});

test('the memory bar shares its width out by bytes', () => {
  const none = { trained: 0, gradients: 0, moments: 0, temporaries: 0, logits: 0, kv: 0, staging: 0 };
  const [line, legend] = memoryBar(ascii, { ...none, weights: 300, activations: 600, other: 100, total: 1000 }, 50);
  expect(line).toBe('#'.repeat(30) + '='.repeat(15) + '+'.repeat(5));
  expect(legend).toBe('# activations 600 bytes  = weights 300 bytes');
});

describe('the blocks', () => {
  const model = {
    kind: 'model' as const,
    name: 'm',
    parameters: 1,
    layers: 2,
    modules: { q_proj: [32, 32] as const, v_proj: [16, 32] as const },
  };
  const chosen = (blocks: [layer: number, module: string, row: number, col: number][], block = 8) =>
    ({
      kind: 'selection',
      block,
      blocks: blocks.map(([layer, module, row, col]) => ({ layer, module, row, col, score: 1 })),
      share_model: 0.1,
      share_targets: 0.2,
      trainable: 1,
    }) satisfies Line;

  test('in ASCII a cell is darker the more of it is chosen', () => {
    const some = chosen([
      [0, 'q_proj', 0, 0],
      [1, 'v_proj', 0, 3],
      [1, 'v_proj', 1, 3],
    ]);
    expect(picture(ascii, some, model, [])).toEqual([
      ' layer  q       v',
      '     0  |.   |  |    |',
      '     1  |    |  |   #|',
      'blocks  1       2',
    ]);
  });

  test('targets without a chosen block are shown empty', () => {
    const lines = picture(ascii, chosen([[0, 'q_proj', 0, 0]]), model, ['v_proj']);
    expect(lines[0]).toMatch(/q +v/);
    expect(lines.at(-1)).toMatch(/1 +0$/);
  });

  test('braille has a dot for every chosen place', () => {
    const [, first] = picture(plain, chosen([[0, 'q_proj', 3, 0]]), model, []);
    expect(first).toContain('▏⣀⠀⠀⠀▕');
  });

  test('in a narrow terminal panels stand below each other', () => {
    const names = ['q', 'k', 'v', 'o', 'gate', 'up', 'down'].map((m) => `${m}_proj`);
    const all = { ...model, modules: Object.fromEntries(names.map((m) => [m, [32, 32] as const])) };
    for (const t of [ascii, plain, colored])
      for (const width of [40, 50]) {
        const lines = picture({ ...t, width }, chosen([[0, 'up_proj', 0, 0]]), all, names);
        for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(width - LABEL); // it stands behind a label
        expect(lines.join(' ').match(/[a-z]+(?=\s)/g)).toEqual(expect.arrayContaining(['q', 'gate', 'up', 'down']));
      }
  });

  test('many layers share rows, and each line fits', () => {
    const deep = { ...model, layers: 40, modules: { ...model.modules, q_proj: [4096, 4096] as const } };
    const all = chosen(Array.from({ length: 40 }, (_, l) => [l, 'q_proj', l, l]));
    for (const t of [ascii, plain, colored]) {
      const lines = picture(t, all, deep, ['v_proj']);
      expect(lines.length).toBeGreaterThan(40 / 4);
      expect(lines.length).toBeLessThanOrEqual(18);
      for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(t.width);
    }
  });
});

test('a table that is too wide goes on below, its first column again beside it', () => {
  expect(fitting([4, 4, 4, 4, 4], 6, 14)).toEqual([[0, 1], [2, 3], [4]]);
  expect(fitting([20, 3], 6, 14)).toEqual([[0], [1]]); // one that fits nowhere stands alone
  const line = {
    kind: 'comparison' as const,
    title: 'T',
    runs: { finished: 3, of: 4 },
    report: 'R',
    rows: summarize([result('SMT', 0, 0.1, 3), result('日本語', 0, 0.1, 2), result('LoRA', 0, 0.1, 2, '10%t')]),
  };
  const lines = comparisonTable({ ...plain, width: 50 }, line);
  for (const text of lines) expect(widthOf(text)).toBeLessThan(50);
  expect(lines.filter((text) => text.startsWith('日本語'))).toHaveLength(2);
  expect(lines[1]).toBe('of 3 of 4 runs'); // it was stopped
  expect(comparisonTable(plain, { ...line, runs: { finished: 4, of: 4 } }).join()).not.toMatch(/ runs/);
  expect(lines.filter((text) => text.startsWith('method')).join(' ')).toMatch(/lr.*loss.*tokens\/s +saved/);
});

test('answers in wide characters stand in columns', () => {
  const said = ['日本語の長い答えがここにあります。もっと長い答え。', 'はい', '👍🏽 yes'];
  const examples = said.map((text) => ({ prompt: text, before: { text, right: false }, after: { text, right: true } }));
  for (const t of [plain, { ...plain, width: 50 }]) {
    const rows = answersTable(t, { kind: 'skills', examples, scores: [] }).slice(3, 6);
    for (const row of rows) expect(widthOf(row)).toBeLessThanOrEqual(t.width);
    for (const mark of ['✗', '✓']) expect(new Set(rows.map((row) => widthOf(row.slice(0, row.indexOf(mark))))).size).toBe(1);
  }
});

test('answers and scores fit a narrow terminal', () => {
  const one = { text: 'a sentence that goes on and on', right: true };
  const scores = [{ skill: 'new skill', how: 'held-out prompts answered exactly', before: 0, after: 61, of: 64 }];
  const lines = answersTable(
    { ...colored, width: 50 },
    { kind: 'skills', examples: [{ prompt: one.text, before: one, after: one }], scores },
  );
  for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(50);
});

test('answers before and after fit the width, and what all prompts begin with is said once', () => {
  const examples = ['one', 'two with a very long sentence that no column can hold'].map((text) => ({
    prompt: `Make it a question: ${text}`,
    before: { text, right: false },
    after: { text: `${text}?`, right: true },
  }));
  const scores = [{ skill: 'new skill', how: 'prompts', before: 0, after: 61, of: 64 }];
  const lines = answersTable(ascii, { kind: 'skills', examples, scores });
  for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(80);
  expect(lines[1]).toBe('Held-out prompts, each after "Make it a question:"');
  expect(lines[3]).toMatch(/^one +- one +\+ one\?/);
  expect(lines.join('\n')).toMatch(/new skill +0 % -> +95 % +of 64 prompts/);
});
