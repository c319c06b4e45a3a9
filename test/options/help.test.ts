// Help: every option a verb has, what it is to that verb, within the terminal's width, and examples that are right.
import { expect, test } from 'vitest';
import { parseCommand } from '../../src/options/args.ts';
import { help, overview } from '../../src/options/help.ts';
import { flagOf, keysOf, VERBS, type Verb } from '../../src/options/table.ts';

const parse = (line: string) => parseCommand(line.split(' ').filter(Boolean));

test.each([['--help'], [''], ['help'], ['-h']])('%s shows the verbs', (line) => {
  expect(parse(line)).toEqual({ kind: 'help', text: overview() });
});

test.each(Object.keys(VERBS) as Verb[])('%s lists every option it has, and none it has not, within 100 columns', (verb) => {
  const text = help(verb);
  const listed = [...text.matchAll(/^ {2}(--[a-z-]+)/gm)].map(([, name]) => name);
  expect(listed.sort()).toEqual(keysOf(verb).map(flagOf).sort());
  const [, rows] = text.split('Usage:');
  for (const line of rows.split('Examples')[0].split('\n')) expect(line.length).toBeLessThanOrEqual(100);
  expect(parse(`${verb} --help`)).toEqual({ kind: 'help', text });
});

test.each(Object.keys(VERBS) as Verb[])('%s says of an option nothing that is for other verbs alone', (verb) => {
  const others = Object.keys(VERBS).join('|');
  expect(help(verb).replaceAll(/\s+/g, ' ')).not.toMatch(new RegExp(`; (${others}): `));
});

test('an option of several verbs says what it is to each', () => {
  const flat = (verb: Verb) => help(verb).replaceAll(/\s+/g, ' ');
  expect(flat('train')).toContain('--out PLACE folder or file to write, new or empty --force');
  expect(flat('compare')).toContain('--out PLACE folder or file to write, new or empty; goes on with what is there');
  expect(flat('eval')).toMatch(/--resume go on, in --task, .*--out PLACE [^-]*; \.jsonl of the answers of --task/);
  expect(flat('replay')).toContain('off leaves those of the receipt for the default ones');
  expect(flat('eval')).toContain('--prompt-form FORM llm-adapters, smt: prompts and');
  expect(flat('generate')).toContain('--max-new-tokens N longest answer (default: 128)');
});

test.each([40, 50, 60, 80])('in %i columns nothing but a flag, or what has no space to break at, goes over the edge', (width) => {
  for (const text of [overview(width), ...(Object.keys(VERBS) as Verb[]).map((verb) => help(verb, width))])
    for (const line of text.split('\n'))
      if (!/^ {2}--|^Usage|^ +https?:|^ +\(default: \S+$|^ +(--\S+ )?\S+( \\)?$/.test(line))
        expect(line.length).toBeLessThanOrEqual(width);
});

test.each(Object.keys(VERBS) as Verb[])('the examples of %s are right', (verb) => {
  const whole = help(verb, 60).replaceAll(/ \\\n +/g, ' '); // as a shell reads a line that goes on
  const lines = [...whole.matchAll(/^ {2}blocktune (.*)$/gm)].map(([, line]) => line.replaceAll(/"[^"]*"/g, 'text'));
  expect(lines.length).toBeGreaterThan(0);
  for (const line of lines) expect(parse(line)).toMatchObject({ kind: 'run', verb });
});

test('the version, from either place', () => {
  expect([parse('--version'), parse('eval --version')]).toEqual([{ kind: 'version' }, { kind: 'version' }]);
});
