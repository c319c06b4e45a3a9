import { expect, test } from 'vitest';
import { bytes, count, duration, ordinal, percent } from '../../web/format.ts';

test('a number does not part from its unit', () => {
  const shown = [bytes(7_946_336), count(453_024), duration(125), duration(0.44), percent(0.0447)];
  expect(shown).toEqual(['7.95 MB', '453 thousand', '2:05 min', '0.4 s', '4.5 %'].map((text) => text.replaceAll(' ', '\u00a0')));
});

test('few are counted as they are elsewhere', () => expect(count(3072)).toBe('3,072'));

test.each([
  [1, '1st'],
  [2, '2nd'],
  [3, '3rd'],
  [4, '4th'],
  [11, '11th'],
  [12, '12th'],
  [21, '21st'],
  [113, '113th'],
])('%d is %s', (n, text) => expect(ordinal(n)).toBe(text));
