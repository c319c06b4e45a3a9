// Test questions found in training data of any form, whatever their case and spacing.
import { expect, test } from 'vitest';
import { leaked } from '../../src/data/leak.ts';
import { memorySource } from '../../src/io/bytes.ts';

const source = (name: string, text: string) => memorySource(new TextEncoder().encode(text), name);
const rows = (...all: unknown[]) => source('a.jsonl', all.map((row) => JSON.stringify(row)).join('\n'));

test.each([
  ['an instruction as it is', rows({ instruction: 'Is it so?', answer: 'yes' }), 'Is it so?', true],
  ['in another case and spacing', rows({ instruction: ' is  it\nSO? ' }), 'Is it so?', true],
  ['within a longer text', rows({ text: 'Q: Is it so? A: yes' }), 'Is it so?', true],
  ['in a conversation', rows({ messages: [{ role: 'user', content: 'Is it so?' }] }), 'Is it so?', true],
  ['in plain text', source('a.txt', 'one line\nIs it so?\n'), 'Is it so?', true],
  ['another question', rows({ instruction: 'Is it not so?' }), 'Is it so?', false],
  ['in part', rows({ instruction: 'Is it' }), 'Is it so?', false],
  ['over two texts', rows({ a: 'Is it', b: 'so?' }), 'Is it so?', false],
])('%s', async (_, data, question, found) => expect(await leaked([data], [question])).toEqual([found]));

test('in any of several files, each question for itself', async () =>
  expect(await leaked([rows({ a: 'one' }), rows({ a: 'two' })], ['one', 'three', 'two'])).toEqual([true, false, true]));
