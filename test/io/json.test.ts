import { describe, expect, test } from 'vitest';
import { parseJson } from '../../src/io/json.ts';

describe('parseJson', () => {
  test.each([
    '{"a":[1,-2.5e3,true,false,null,"x\\u00e9\\n\\"\\\\"],"b":{"c":{}}}',
    ' [ ] ',
    '"😀"',
    '0',
    '-0.5E-2',
    '9007199254740991',
  ])('%s as JSON.parse has it', (text) => {
    expect(JSON.parse(JSON.stringify(parseJson(text)))).toEqual(JSON.parse(text));
  });

  test('an integer past 2^53 keeps its digits', () => {
    expect(parseJson('9007199254740993')).toBe(9007199254740993n);
    expect(parseJson('-9007199254740992')).toBe(-9007199254740992n);
  });

  test('__proto__ is a key', () => {
    expect(Object.keys(parseJson('{"__proto__":1}') as object)).toEqual(['__proto__']);
  });

  test.each([
    ['{"a":1,"a":2}', '"a" twice'],
    ['{"a":1,"\\u0061":2}', '"a" twice'],
    ['{"x":{"b":1,"b":1}}', '"b" twice'],
    ['{"a":1,}', 'a key'],
    ['[1,]', 'a value'],
    ['{"a" 1}', '":"'],
    ['[1 2]', '"]"'],
    ['{', 'a key'],
    ['', 'a value'],
    ['1 2', 'the end of the text'],
    ['01', 'the end of the text'],
    ['.5', 'a value'],
    ['NaN', 'a value'],
    ["{'a':1}", 'a key'],
    ['"a\nb"', 'a string'],
    ['"\\x"', 'a string'],
    ['"\\ud800"', 'whole Unicode'],
    ['['.repeat(100000), 'levels of nesting'],
  ])('%s is refused', (text, message) => {
    expect(() => parseJson(text)).toThrow(message);
  });

  test.each(['a', '\\n', 'a\\"'])('a string of %o without an end is refused at once', (part) => {
    expect(() => parseJson(`"${part.repeat(200_000)}`)).toThrow('a string');
  });

  test('a long string neither overflows nor crawls', () => {
    const text = JSON.stringify('\\"x'.repeat(500_000));
    expect(parseJson(text)).toBe(JSON.parse(text));
  });
});
