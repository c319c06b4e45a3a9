// Patterns of files that are not known run in counted steps: the same matches as the runtime's own expressions, and an error where
// those would hang.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bounded } from '../../src/data/tokenizer/bounded.ts';
import { patternOf } from '../../src/data/tokenizer/pattern.ts';
import { loadTokenizer } from '../../src/data/tokenizer.ts';
import { PATTERNS } from '../../src/io/gguf-pretokenizers.ts';

const native = (expression: RegExp, text: string) =>
  [...text.matchAll(expression)].map((m) => ({ from: m.index, to: m.index + m[0].length }));

const texts = fc.string({ unit: fc.constantFrom(..."aab \n\r\t'.,1295sSſkKäßé漢字😀_-/!(é\u0301"), maxLength: 24 });

describe('the same as the runtime', () => {
  const forms = [
    ...[
      'a+',
      'a*?b',
      '(?:ab|a)*',
      '(ab){2,3}',
      '(?:a|ab)(?:c|bcd)?',
      '(?:)',
      'a{2}',
      'a{0,2}?b',
      '(?:a?)*b',
      '(?:a*)+',
      '[^a\\s]+$',
    ],
    ...['^a|b$', '\\ba', 'a\\B', '(?=a)\\w', '(?!a)\\w', '(?<=a)b', '(?<!a)b', '(?<=a*)b', '\\p{L}+(?=\\d)', '(?<name>a|b)+?1'],
    ...['[\\]\\-a]+', '\\u0061', '\\u{1f600}', '\\x61+', '.', '(?:a|b|\\s)+?$', '\\s*[\\r\\n]+', '\\s+(?!\\S)|\\s+'],
  ];
  test.each([...forms, ...PATTERNS.filter((p) => !p.includes('(?i:'))])('%s', (source) => {
    const expression = new RegExp(source, 'gu');
    fc.assert(
      fc.property(texts, (text) => {
        expect([...bounded(expression)(text)]).toEqual(native(expression, text));
      }),
      { numRuns: 60 },
    );
  });
});

describe('what would hang is refused', () => {
  const tokenizer = (Regex: string) =>
    loadTokenizer({
      json: {
        model: { type: 'WordLevel', vocab: { a: 0, '[UNK]': 1 }, unk_token: '[UNK]' },
        pre_tokenizer: { type: 'Split', pattern: { Regex }, behavior: 'Isolated', invert: false },
      },
    });

  test.each(['(a+)+$', '(a|aa)+$', '(a*)*$', '(?:a|a)*b', 'a*a*a*a*a*a*a*b'])(
    '%s on a row of letters',
    { timeout: 60_000 },
    (pattern) => {
      const encode = () => tokenizer(pattern).encode(`${'a'.repeat(4000)}!`, { special: false });
      expect(encode).toThrow(/^expected a pattern that .*a/);
    },
  );

  test('29 letters, which block a thread for seconds', { timeout: 60_000 }, () => {
    expect(() => tokenizer('(a+)+$').encode(`${'a'.repeat(29)}!`, { special: false })).toThrow('in 10000000 steps');
  });

  test.each(['(a)\\1', '(?<x>a)\\k<x>'])('%s: a reference back is not followed', (pattern) => {
    expect(() => patternOf({ Regex: pattern }, 'Split')).toThrow('in syntax that is known here');
  });

  test('a pattern that is known takes any text', () => {
    const [llama3] = PATTERNS.filter((p) => p.includes('{1,3}') && p.includes('(?i:'));
    const start = performance.now();
    for (const part of [' ', '\n', "'", 'a', '1', ' a', '\n '])
      [...patternOf({ Regex: llama3 }, 'Split')(part.repeat(80_000 / part.length))];
    expect(performance.now() - start).toBeLessThan(20_000);
  });
});
