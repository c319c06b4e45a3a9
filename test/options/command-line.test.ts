// Options said as one command line, read again by a POSIX shell and the command line itself, are the same options.
import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { parseCommand } from '../../src/options/args.ts';
import { commandLine } from '../../src/options/command-line.ts';
import { keysOf, type Options, option, withDefaults } from '../../src/options/table.ts';

/** The words that a shell makes of a line, without `npx blocktune`. */
function words(line: string): string[] {
  const out = execFileSync('sh', ['-c', `for word in ${line}; do printf '%s\\0' "$word"; done`], { encoding: 'utf8' });
  return out.split('\0').slice(2, -1);
}

const read = (line: string): Options => {
  const parsed = parseCommand(words(line));
  if (parsed.kind !== 'run') throw new Error(JSON.stringify(parsed));
  return parsed.options;
};

test.each<[string, Options]>([
  ['nothing', {}],
  ['numbers small and negative', { lr: 9.65e-6, eps: 1e-8, seed: 3, clip: 0, lrWarmup: 0.03 }],
  ['several texts', { data: ['my rows.jsonl', "it's.csv", '-odd.txt'], eval: '5%' }],
  ['lists', { targets: ['q', 'down'], betas: [0.9, 0.95] }],
  ['flags', { noShuffle: true, skipBadRows: true }],
  ['a flag that is off', { noShuffle: false }],
  ['columns with spaces and dollars', { columns: 'prompt=the $question,completion=an "answer"' }],
  ['a budget by groups', { budget: 'attn=0.8%,mlp=0.2%', block: 'auto' }],
  ['another budget', { budget: '863b', block: 64 }],
  ['a folder whose name begins with dashes', { model: '--model', out: 'a\nb' }],
  ['a preset', { preset: 'smt-paper', memory: '6GB', recompute: 'on', base: 'q8_0' }],
])('%s', (_, options) => {
  const { given: __, ...settled } = withDefaults(read(commandLine('train', options)));
  const { given: ___, ...own } = withDefaults(Object.fromEntries(Object.entries(options).filter(([, v]) => v !== false)));
  expect(settled).toEqual(own);
});

test('every option of train that has a default is said by its default', () => {
  const defaults = Object.fromEntries(
    keysOf('train').flatMap((key) => (option(key).default === undefined ? [] : [[key, option(key).default]])),
  );
  // some belong to one method and some to another, so each is said alone
  for (const [key, value] of Object.entries(defaults))
    expect(words(commandLine('train', { [key]: value }))).toContain(String(value));
  expect(Object.keys(defaults).length).toBeGreaterThan(20);
});
