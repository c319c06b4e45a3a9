// Names in files, answers of models and errors with both in them reach a terminal as text alone.
import { expect, test } from 'vitest';
import { clean, cleaned, cleanJson, clipped } from '../../src/cli/clean.ts';

const ATTACKS: [what: string, text: string][] = [
  ['moves the cursor and clears', '\u001b[2J\u001b[H'],
  ['sets the title', '\u001b]0;owned\u0007'],
  ['opens a link', '\u001b]8;;http://x\u001b\\'],
  ['one byte for both', '\u009b31m'],
  ['writes over the line', 'all good\r\u0008\u0008bad'],
  ['turns letters round', '\u202egnp.exe\u2066'],
  ['rings and deletes', '\u0007\u007f'],
];

test.each(ATTACKS)('%s', (_, attack) => {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: it is what is looked for
  const control = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/;
  const line = { kind: 'note', text: `a${attack}b`, list: [{ [`k${attack}`]: attack }], ids: [1, 2], none: null };
  expect(attack).toMatch(control);
  expect(clean(attack)).not.toMatch(control);
  expect(JSON.stringify(cleaned(line)).replaceAll('\\n', '')).not.toMatch(/\\u|[\x7f-\x9f]/);
  expect(cleanJson(line)).not.toMatch(control);
  expect(JSON.parse(cleanJson(line))).toEqual(line);
});

test('a line of JSON is one to readers that end lines at more than line feeds', () => {
  expect(cleanJson({ text: 'a\u2028b\u2029c\u0085d' })).toBe('{"text":"a\\u2028b\\u2029c\\u0085d"}');
});

test('what people write stays', () => {
  const text = 'a\tb\nÄ 漢字 😀 e\u0301 שלום \\u001b';
  expect(clean(text)).toBe(text);
  expect(cleaned({ text, n: 1, ok: true })).toEqual({ text, n: 1, ok: true });
});

test('a paragraph that nobody would read to its end is clipped in its middle', () => {
  expect(clipped('short')).toBe('short');
  expect(clipped(`a${'x'.repeat(20_000)}b`)).toMatch(/^ax{1999} \[16002 characters more\] x{1999}b$/);
});
