// eval --task as a person runs it: a task's file found and answered, answers written and gone on from, the figures of the lines, and
// what is refused. What is read of words is tasks.test.ts; beams, penalties and likelihoods against transformers are in eval/.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { wilson } from '../../src/eval/statistics.ts';
import { blocktune, newFolder, writeModel } from './tiny.ts';

const { at, free } = newFolder();
afterAll(free);

const boolq = (n: number) =>
  Array.from({ length: n }, (_, i) => ({
    instruction: `Please answer the following question with true or false, question: is ${i} even?\n\nAnswer format: true/false`,
    input: '',
    output: '',
    answer: i % 2 ? 'false' : 'true',
  }));
const sums = [{ instruction: 'Add 1 and 2.', input: '', output: '', answer: '3.0' }];
const task = (...words: string[]) => ['eval', '--model', at('model'), '--tune', 'off', '--task', ...words];

beforeAll(() => {
  writeModel(at('model'), { max_position_embeddings: 2048 });
  for (const folder of ['data', 'data/gsm8k', 'other']) mkdirSync(at(folder));
  writeFileSync(at('data/boolq-test.json'), JSON.stringify(boolq(6)));
  writeFileSync(at('data/gsm8k/test.json'), JSON.stringify(sums));
  writeFileSync(at('other/rows.json'), JSON.stringify([{ question: 'a', answer: 'b' }]));
});

describe('answers', () => {
  test('in words, to the files of a folder; then gone on from where a run was stopped', async () => {
    const out = at('answers.jsonl');
    const words = [...task('boolq,gsm8k', '--max-new-tokens', '4', '--data', at('data'), '--out', out), '--json'];
    const ran = await blocktune(words);
    expect([ran.code, ran.stderr]).toEqual([0, '']);
    const answers = ran.lines.filter(({ kind }) => kind === 'answer');
    expect(answers.map(({ task, index }) => [task, index])).toEqual([...boolq(6).map((_, i) => ['boolq', i]), ['gsm8k', 0]]);
    for (const line of answers) expect(Object.keys(line)).toEqual(['kind', 'task', 'index', 'text', 'answer', 'read', 'right']);
    const figures = ran.lines.filter(({ kind }) => kind === 'task');
    expect(figures.map(({ task, rows }) => [task, rows])).toEqual([
      ['boolq', 6],
      ['gsm8k', 1],
      ['average', 7],
    ]);
    for (const line of figures)
      expect(Object.keys(line).slice(0, 10)).toEqual([
        'kind',
        'task',
        'rows',
        'right',
        'accuracy',
        'low',
        'high',
        'unread',
        'form',
        'decoding',
      ]);
    expect(figures[0]).toMatchObject({
      ...wilson(figures[0].right, 6),
      unread: answers.filter((line) => line.task === 'boolq' && line.read === null).length,
      form: 'llm-adapters',
      decoding: 'greedy, 4 tokens',
    });
    expect(figures[2].accuracy).toBeCloseTo((figures[0].accuracy + figures[1].accuracy) / 2, 12);

    const whole = readFileSync(out, 'utf8');
    const written = whole.split('\n');
    expect(written.slice(0, -1).map((line) => JSON.parse(line))).toEqual(answers.map((line) => expect.objectContaining(line)));
    // killed in the middle of a line
    writeFileSync(out, `${written.slice(0, 3).join('\n')}\n${written[3].slice(0, 20)}`);
    const again = await blocktune([...words, '--resume']);
    expect(again.lines.filter(({ kind }) => kind === 'answer')).toEqual(answers);
    expect(readFileSync(out, 'utf8')).toBe(whole);

    for (const [more, says] of [
      [[], /expected nothing at .*answers\.jsonl.*--resume/],
      [['--resume', '--prompt-form', 'smt'], /expected answers of \(.*smt.*\) in .*, got those of \(.*llm-adapters.*\)/],
    ] as const) {
      const { code, stderr } = await blocktune([...words, ...more]);
      expect([code, stderr]).toEqual([1, expect.stringMatching(says)]);
    }
  });

  test('by likelihood, some rows by the seed, against those of another run', async () => {
    const base = at('base.jsonl');
    const words = [...task('boolq', '--rank', '--data', at('data/boolq-test.json')), '--json'];
    const all = await blocktune([...words, '--out', base]);
    const some = await blocktune([...words, '--limit', '4', '--against', base]);
    expect([all.code, some.code, all.stderr, some.stderr]).toEqual([0, 0, '', '']);
    const answers = (ran: typeof all) => ran.lines.filter(({ kind }) => kind === 'answer');
    expect(answers(some)).toHaveLength(4);
    for (const line of answers(some)) {
      const other = answers(all)[line.index];
      expect(line.logprobs).toHaveLength(2);
      line.logprobs.forEach((x: number, i: number) => expect(x).toBeCloseTo(other.logprobs[i], 4));
      expect(line.read).toBe(['true', 'false'][line.logprobs.indexOf(Math.max(...line.logprobs))]);
      expect(line.text).toBe(`the correct answer is ${line.read}`);
      expect(line.right).toBe(line.read === line.answer);
    }
    const right = answers(some).filter((line) => line.right).length;
    expect(some.lines.at(-1)).toEqual({
      kind: 'paired',
      task: 'boolq',
      rows: 4,
      base: right,
      tuned: right,
      gained: 0,
      lost: 0,
      p: 1,
    });
  });

  test('a prompt longer than the positions is cut from the left, and counted', async () => {
    const long = boolq(2);
    long[1].instruction = `${'A very long story. '.repeat(200)}${long[1].instruction}`;
    writeFileSync(at('boolq-long.json'), JSON.stringify(long));
    const { code, lines, stderr } = await blocktune([...task('boolq', '--rank', '--data', at('boolq-long.json')), '--json']);
    expect(code).toBe(0);
    expect(lines.at(-1)).toMatchObject({ kind: 'task', rows: 2, cut: 1 });
    expect(stderr).toMatch(/1 prompt cut from the left: .* 2048 positions/);
  });
});

test.each<[words: string[], says: RegExp]>([
  [['piqa', '--data', 'data'], /test file of piqa at .*data, got none; .*piqa-test\.json or piqa\/test\.json/],
  [
    ['boolq', '--data', 'other/rows.json'],
    /rows\.json row 1: expected the columns instruction and answer .*got question, answer/,
  ],
  [['arc-e', '--data', 'data/boolq-test.json'], /row 1: expected an answer of ARC-Easy .*got "true"; is it the file of another/],
  [['boolq', '--data', 'data', 'data/boolq-test.json'], /expected one test file of boolq, got .* and /],
])('%s fails', async (words, says) => {
  const placed = words.map((word, i) => (i > 1 ? at(word) : word));
  const ran = await blocktune(task(...placed));
  expect([ran.code, ran.stderr, ran.stdout]).toEqual([1, expect.stringMatching(says), '']);
});
