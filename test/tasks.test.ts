// Published tasks to the letter: prompts as the scripts write them, what they read of a model's words, and what counts as right.
// The prompts are the texts of LLM-Adapters' commonsense_evaluate.py and of SMT's run_commonsense_parallel.py, copied.
import { describe, expect, test } from 'vitest';
import { choicesOf, isRight, longestAnswer, mayAnswer, readAnswer, TASKS, taskNamed, taskPrompt } from '../src/tasks.ts';

const task = (name: string) => taskNamed(name)!;

describe('prompts', () => {
  const row = { instruction: 'Is it so?\n\nAnswer format: true/false', input: '' };
  test('as LLM-Adapters indents them', () => {
    expect(taskPrompt('llm-adapters', row)).toBe(
      `Below is an instruction that describes a task. Write a response that appropriately completes the request. 

                ### Instruction:
                Is it so?

Answer format: true/false

                ### Response:
                `,
    );
  });
  test('as SMT writes them', () => {
    expect(taskPrompt('smt', row)).toBe(
      `Below is an instruction that describes a task. Write a response that appropriately completes the request. 

### Instruction:
Is it so?

Answer format: true/false

### Response:
`,
    );
  });
  test('with an input', () => {
    expect(taskPrompt('llm-adapters', { instruction: 'Add.', input: '1 2' })).toBe(
      `Below is an instruction that describes a task, paired with an input that provides further context. Write a response that appropriately completes the request.

                ### Instruction:
                Add.

                ### Input:
                1 2

                ### Response:
                `,
    );
  });
});

describe('what is read', () => {
  test.each([
    ['boolq', 'llm-adapters', 'the correct answer is true', 'true'],
    ['boolq', 'llm-adapters', 'It is untrue, so false', 'true'], // the first match of the expression, within a word too
    ['boolq', 'llm-adapters', 'False', null],
    ['boolq', 'smt', 'False', 'false'],
    ['boolq', 'llm-adapters', 'yes\n### Response:\ntrue', null], // the scripts cut there
    ['piqa', 'llm-adapters', 'solution2, not solution1', 'solution2'],
    ['piqa', 'llm-adapters', 'solution 2', null],
    ['siqa', 'llm-adapters', 'answer5', 'answer5'],
    ['ARC-Challenge', 'llm-adapters', 'Answer3', null],
    ['ARC-Challenge', 'smt', 'Answer3', 'answer3'],
    ['openbookqa', 'llm-adapters', 'answer12', 'answer1'],
    ['openbookqa', 'llm-adapters', 'answer6', null],
    ['hellaswag', 'llm-adapters', 'the correct answer is ending4', 'ending4'],
    ['winogrande', 'llm-adapters', 'option2', 'option2'],
    ['gsm8k', 'llm-adapters', 'so 3 + 4 = 7. The answer is 1,234.', '1234.'],
    ['svamp', 'llm-adapters', '5-3', '-3'],
    ['addsub', 'llm-adapters', 'none', null],
    ['multiarith', 'smt', 'It is 12.50 dollars', '12.50'],
    ['aqua', 'llm-adapters', 'the answer is (D).', 'D'],
    ['aqua', 'smt', 'Clearly b, or C', 'C'],
    ['aqua', 'llm-adapters', 'none of these', null],
  ] as const)('%s, %s: %j', (name, form, text, read) => expect(readAnswer(task(name), form, text)).toBe(read));

  test.each([
    ['boolq', 'true', 'true', true],
    ['boolq', 'true', 'false', false],
    ['boolq', null, 'false', false],
    ['gsm8k', '1234.', '1234', true],
    ['gsm8k', '7.0009', '7.0', true],
    ['gsm8k', '7.002', '7.0', false],
    ['gsm8k', '-7', '7', false],
    ['aqua', 'D', 'A', false],
  ] as const)('%s: %j for %j is right: %j', (name, read, answer, right) => expect(isRight(task(name), read, answer)).toBe(right));
});

test.each([
  ['ARC-e', 'ARC-Easy'],
  ['arc_challenge', 'ARC-Challenge'],
  ['OBQA', 'openbookqa'],
  ['SIQA', 'social_i_qa'],
  ['BoolQ', 'boolq'],
  ['GSM8K', 'gsm8k'],
  ['aqua', 'AQuA'],
  ['squad', undefined],
])('%s is %s', (said, name) => expect(taskNamed(said)?.name).toBe(name));

test('eight of commonsense, six of math, each named once', () => {
  expect(TASKS.map(({ group }) => group)).toEqual([...Array(8).fill('commonsense'), ...Array(6).fill('math')]);
  const names = TASKS.flatMap(({ name, also }) => [name, ...also]);
  expect(names.map((name) => taskNamed(name)?.name)).toEqual(TASKS.flatMap(({ name, also }) => [name, ...also].map(() => name)));
});

test('answers are as long as the scripts let them be', () => {
  expect([longestAnswer(task('piqa'), 'llm-adapters'), longestAnswer(task('piqa'), 'smt')]).toEqual([32, 256]);
  expect([longestAnswer(task('svamp'), 'llm-adapters'), longestAnswer(task('svamp'), 'smt')]).toEqual([256, 256]);
});

test('choices are those that the row names', () => {
  const instruction = 'Please choose: which?\n\nAnswer1: a Answer2: b Answer3: c\n\nAnswer format: answer1/answer2/answer3';
  expect(choicesOf(task('arc-e'), { instruction })).toEqual(['answer1', 'answer2', 'answer3']);
});

test.each([
  ['boolq', 'answer1', false],
  ['boolq', 'true', true],
  ['gsm8k', 'many', false],
  ['gsm8k', '', false],
  ['gsm8k', '9.0', true],
  ['aqua', 'F', false],
])('%s may be answered by %j: %j', (name, answer, may) => expect(mayAnswer(task(name), answer)).toBe(may));
