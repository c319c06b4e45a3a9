import { expect, test } from 'vitest';
import { bytes, count, duration, ordinal, percent } from '../../web/format.ts';

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1000, '1.00 kB'],
  [80896, '80.9 kB'],
  [999_499, '999 kB'],
  [7_946_336, '7.95 MB'],
  [1_234_000_000, '1.23 GB'],
])('%d bytes are %s', (n, text) => expect(bytes(n)).toBe(joined(text)));

test.each([
  [9999, '9,999'],
  [10_000, '10.0 k'],
  [453_024, '453 k'],
  [134_515_008, '135 M'],
])('%d parameters are %s', (n, text) => expect(count(n)).toBe(joined(text)));

test.each([
  [0.44, '0.4 s'],
  [9.94, '9.9 s'],
  [9.96, '10 s'],
  [59.4, '59 s'],
  [59.6, '1 min'],
  [125, '2 min 5 s'],
  [3600, '1 h 0 min'],
])('%d seconds are %s', (s, text) => expect(duration(s)).toBe(joined(text)));

test.each([
  [0, '0 %'],
  [0.0084, '0.84 %'],
  [0.0447, '4.5 %'],
  [0.0995, '10 %'],
  [1, '100 %'],
])('a share of %d is %s', (share, text) => expect(percent(share)).toBe(joined(text)));

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

/** A number does not part from its unit. */
function joined(text: string): string {
  return text.replaceAll(' ', '\u00a0');
}
