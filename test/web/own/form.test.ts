// The options table as a form: which fields a method has, what is written in them, and what they are called.
import { describe, expect, test } from 'vitest';
import { METHOD_NAMES, METHODS } from '../../../src/methods/index.ts';
import { type Key, keysOf, withDefaults } from '../../../src/options/table.ts';
import { columnsIn, detectedIn, isWhole, KINDS, kindOf, recast } from '../../../web/own/columns.ts';
import { defaultOf, effective, fieldsOf, shown, written } from '../../../web/own/form.ts';
import { inPageWords, labelOf } from '../../../web/own/words.ts';

/** Asked for elsewhere on the page, or of no use there. */
const ELSEWHERE = [
  'model',
  'hub',
  'adapter',
  'data',
  'columns',
  'eval',
  'guard',
  'selection',
  'method',
  'memory',
  'learn',
  'template',
  'maxLength',
];
const OF_DISKS = [
  'checkpointEvery',
  'resume',
  'keep',
  'out',
  'force',
  'saveRecipe',
  'tensorboard',
  'runtime',
  'device',
  'dtype',
  'json',
  'quiet',
  'help',
  'version',
];

describe.each(METHOD_NAMES)('%s', (method) => {
  const { first, groups } = fieldsOf(method);
  const all = [...first, ...groups.flatMap(({ keys }) => keys)];
  test('has every option that says something to it, once', () => {
    const { takes, optimizers } = METHODS.find((m) => m.name === method)!;
    const others = new Set(METHODS.flatMap((m) => m.takes).filter((key) => !takes.includes(key)));
    for (const key of ['muonScale', 'decayToward'] as const) if (others.has('budget')) others.add(key);
    if (optimizers.length === 1) others.add('optimizer');
    const wanted = keysOf('train').filter((key) => ![...ELSEWHERE, ...OF_DISKS].includes(key) && !others.has(key));
    expect([...all].sort()).toEqual([...wanted].sort());
  });
  test('shows few at once', () => expect(first.length).toBeLessThan(9));
  test('each has a label of its own', () => expect(new Set(all.map(labelOf)).size).toBe(all.length));
});

test('what is written for one method does not count for another, and is not lost', () => {
  const given = { method: 'lora', rank: 4, budget: '5%t', lr: 1e-3 } as const;
  expect(effective(given)).toEqual({ method: 'lora', rank: 4, lr: 1e-3 });
  expect(effective({ ...given, method: 'smt' })).toEqual({ method: 'smt', budget: '5%t', lr: 1e-3 });
});

test('nor an optimizer that another method has not, nor what is of blocks alone', () => {
  const given = { optimizer: 'muon', muonScale: 'block', decayToward: 'base', weightDecay: 1 } as const;
  expect(effective({ ...given, method: 'full' })).toEqual({ method: 'full', weightDecay: 1 });
  expect(effective({ ...given, method: 'lora' })).toEqual({ method: 'lora', optimizer: 'muon', weightDecay: 1 });
  expect(effective({ ...given, method: 'smt' })).toEqual({ ...given, method: 'smt' });
});

test.each<[Key, object, string]>([
  ['lr', {}, 'found by the run'],
  ['optimizer', {}, 'muon'],
  ['optimizer', { method: 'lora' }, 'adamw'],
  ['lr', { method: 'full' }, '1e-5'],
  ['lr', { preset: 'smft' }, '0.002'],
  ['epochs', {}, '1'],
  ['steps', {}, 'one epoch'],
  ['epochs', { steps: 5 }, ''],
  ['betas', { method: 'full' }, '0.9,0.999'],
  ['batch', { preset: 'smt-paper' }, '4'],
  ['accumulate', { preset: 'smt-paper' }, '16'],
])('the default of %s beside %j is %j', (key, given, text) => expect(defaultOf(key, given)).toBe(text));

test.each<[Key, string, object]>([
  ['lr', '1e-3', { value: 1e-3 }],
  ['lr', '', {}],
  ['lr', '0', { fault: 'Expected auto or a number above 0, got 0.' }],
  ['steps', '2.5', { fault: 'Expected a whole number from 1, got 2.5.' }],
  ['steps', '--', { fault: 'Expected a whole number from 1, got --.' }],
  ['targets', 'attn', { value: ['q', 'k', 'v', 'o'] }],
  ['betas', '0.9,0.95', { value: [0.9, 0.95] }],
  ['budget', '863b', { value: '863b' }],
  ['block', 'auto', { value: 'auto' }],
])('%s as %j', (key, text, found) => expect(written(key, text)).toEqual(found));

test.each([
  [9.65e-6, '9.65e-6'],
  [0.005, '0.005'],
  [1e-8, '1e-8'],
  [0, '0'],
  [['q', 'v'], 'q,v'],
  [undefined, ''],
])('%j is shown as %j, which is read as the same', (value, text) => expect(shown(value)).toBe(text));

test.each([
  ['raise --max-length above 512, or shorten the prompts', 'Raise “Longest row” above 512, or shorten the prompts.'],
  ['say which, for example --columns prompt=a', 'Say which, for example “Columns” prompt=a.'],
  ['expected --rank to be a number', 'Expected “Rank” to be a number.'], // of LoRA: to `eval` alone it is another
  ['expected x, got --unknown-thing!', 'Expected x, got --unknown-thing!'],
  ['rows.jsonl row 2: expected x', 'rows.jsonl row 2: expected x.'],
])('%j in the page’s words', (text, words) => expect(inPageWords(text)).toBe(words));

test('no flag of the command line is left in a message', () => {
  const flags = Object.keys(withDefaults({})).map((key) => `--${key.replace(/[A-Z]/g, (l) => `-${l.toLowerCase()}`)}`);
  expect(flags.filter((flag) => flag !== '--given' && inPageWords(`give ${flag} 1`).includes('--'))).toEqual([]);
});

describe('columns', () => {
  const looks = [
    { name: 'a', rows: 1, columns: ['question', 'answer'], detected: null },
    { name: 'b', rows: 1, columns: ['answer', 'id'], detected: { prompt: 'question', completion: 'answer' } },
  ];
  test('of all files, in order, once', () => expect(columnsIn(looks)).toEqual(['question', 'answer', 'id']));
  test('detected by the first that says', () => expect(detectedIn(looks)).toEqual(looks[1].detected));
  test.each([
    [{ prompt: 'a', completion: 'b' }, 0],
    [{ instruction: 'a', output: 'b' }, 1],
    [{ conversations: 'c' }, 3],
    [{ input_ids: 'i' }, 5],
    [null, 0],
  ])('%j is kind %d', (columns, kind) => expect(kindOf(columns)).toBe(kind));
  test('what may be left empty may be', () => {
    expect(isWhole(0, { prompt: 'a', completion: 'b' })).toBe(true);
    expect(isWhole(0, { prompt: 'a' })).toBe(false);
  });
  test('another kind keeps what fits by name', () => expect(recast(4, { prompt: 'a' }, ['a', 'text'])).toEqual({ text: 'text' }));
  test('every kind has a role that tells it from the others', () =>
    expect(new Set(KINDS.map(({ roles }) => roles[0])).size).toBe(KINDS.length));
});
