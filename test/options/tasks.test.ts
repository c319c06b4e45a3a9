// Published tasks among the options: names in any spelling, one flag of two meanings, and what does not go together.
import { expect, test } from 'vitest';
import { parseCommand } from '../../src/options/args.ts';

const parse = (line: string) => parseCommand(line.split(' '));

test.each([
  ['eval --task BoolQ,arc-e,boolq --data d --limit 5', { task: ['boolq', 'ARC-Easy'], data: ['d'], limit: 5 }],
  [
    'eval --task math,piqa --data d',
    { task: ['gsm8k', 'SingleEq', 'SVAMP', 'MultiArith', 'AddSub', 'AQuA', 'piqa'], data: ['d'] },
  ],
  ['eval --task obqa --data d --rank', { task: ['openbookqa'], data: ['d'], byRank: true }],
  [
    'eval --task boolq --data d --beams 4 --repetition-penalty 1.1 --trained-on a b',
    { task: ['boolq'], data: ['d'], beams: 4, repetitionPenalty: 1.1, trainedOn: ['a', 'b'] },
  ],
  ['train --method lora --rank 4', { method: 'lora', rank: 4 }],
])('%s', (line, options) => expect(parse(line)).toMatchObject({ kind: 'run', options }));

test.each([
  ['--task squad --data d', /--task to be some of boolq .*got "squad"/],
  ['--task boolq', /expected --data beside --task, got none/],
  ['--task boolq,gsm8k --rank --data d', /--rank with tasks of choices, got gsm8k/],
  ['--task boolq --against base --data d', /--adapter beside --against base/],
  ['--task boolq --resume --data d', /expected --out beside --resume/],
  ['--task boolq --rank --max-new-tokens 4 --data d', /expected --rank or --max-new-tokens, got both/],
  ['--task boolq --rank-by mean --data d', /expected --rank beside --rank-by/],
  ['--task boolq --beams 9 --data d', /--beams to be a whole number from 1 to 8, got "9"/],
  ['--task boolq --beams 4 --rank --data d', /expected --rank or --beams, got both/],
  ['--limit 4 --data d', /expected --task beside --limit/],
  ['--out a.jsonl --data d', /expected --task beside --out/],
  ['--task boolq --per-example --data d', /expected --task or --per-example, got both/],
])('eval %s is refused', (words, says) =>
  expect(parse(`eval ${words}`)).toEqual({ kind: 'usage', text: expect.stringMatching(says) }),
);
