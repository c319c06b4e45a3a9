import { expect, test } from 'vitest';
import { holdOut, parseHeldOut } from '../../src/data/split.ts';

test.each([
  ['5%', { share: 0.05 }],
  ['0.25', { share: 0.25 }],
  ['.5', { share: 0.5 }],
  ['held.jsonl', { file: 'held.jsonl' }],
  ['5%.jsonl', { file: '5%.jsonl' }],
])('--eval %s', (text, expected) => {
  expect(parseHeldOut(text)).toEqual(expected);
});

test.each([['0'], ['0%'], ['1'], ['100%'], ['5']])('--eval %s is no share', (text) => {
  expect(() => parseHeldOut(text)).toThrow(`got ${text}; write 5%`);
});

test('both parts together are all rows, drawn by the seed', () => {
  const { train, held } = holdOut(20, 0.25, 1);
  expect(held.length).toBe(5);
  expect([...train, ...held].sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => i));
  expect(holdOut(20, 0.25, 1).held).toEqual(held);
  expect(holdOut(20, 0.25, 2).held).not.toEqual(held);
});

test('at least one row is held out, and at least one is left', () => {
  expect(holdOut(3, 0.01, 0).held.length).toBe(1);
  expect(holdOut(2, 0.5, 0).train.length).toBe(1);
  expect(() => holdOut(1, 0.5, 0)).toThrow('rows to be left for training');
});
