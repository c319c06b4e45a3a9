// A JSON reader stricter than JSON.parse: a key twice in one object is an error, and an integer that a double cannot hold
// comes back as a bigint instead of a near number. For headers written by others, where both have been used to lie.

export type Json = null | boolean | number | bigint | string | Json[] | { [key: string]: Json };

/**
 * JSON text of people's data to values as JSON.parse has them, but that integers beyond 2^53 keep their digits (as a bigint), and
 * a float that is whole stays one (1.0, as a boxed Number): templates write both as Python does. NaN and Infinity, which Python's
 * json writes where pandas has no value, are read as it reads them.
 */
export function parseNumbers(text: string): unknown {
  if (NO_NUMBER.test(text)) return parseJson(text, { again: true });
  const value = JSON.parse(text); // also says what is wrong with a text that is none
  return LONG.test(text) || WHOLE_FLOAT.test(text) || NUMBERED.test(text) ? parseJson(text, { again: true }) : value;
}

/** What may be a value that JSON does not have. */
const NO_NUMBER = /[[:,]\s*-?(?:NaN|Infinity)\s*[,}\]]/;
/** Digits that may be more than a double holds. */
const LONG = /\d{16}/;
/** A key that is a number, which an object of JavaScript does not leave in its place. */
const NUMBERED = /"\d+"\s*:/;
/** The keys of an object as they stand in the text, where the object has them in another order. */
export const KEYS = Symbol('keys');
/** A value such as 1.0 or 1e3. */
const WHOLE_FLOAT = /[[:,]\s*-?\d+(?:\.0+|\.?\d*[eE]\+?\d+)\s*[,}\]]/;

/**
 * JSON text to values; objects have no prototype, so `__proto__` is a key like any other. Errors say where.
 * again: a key may come twice (the last counts), texts may hold lone surrogates, and nothing is too deep, as in JSON.parse;
 * a float that is whole is a boxed Number, and the order of keys that are numbers is kept under KEYS.
 * integers: a number is written in digits alone; 1.0, 1e1 and -0 are errors.
 */
export function parseJson(text: string, { again = false, integers = false } = {}): Json {
  let at = 0;
  const value = readValue(0);
  skipSpace();
  if (at < text.length) fail('the end of the text');
  return value;

  function readValue(depth: number): Json {
    if (depth > MAX_DEPTH && !again) fail(`at most ${MAX_DEPTH} levels of nesting`);
    skipSpace();
    const c = text[at];
    if (c === '{') return readObject(depth);
    if (c === '[') return readArray(depth);
    if (c === '"') return readString();
    return readWord();
  }

  function readObject(depth: number): Json {
    const object: { [key: string]: Json } = Object.create(null);
    const keys: string[] = [];
    at++;
    if (next('}')) return object;
    do {
      skipSpace();
      if (text[at] !== '"') fail('a key in double quotes');
      const key = readString();
      if (key in object && !again) throw new Error(`expected each key once, got ${JSON.stringify(key)} twice`);
      if (!next(':')) fail('":"');
      if (!(key in object)) keys.push(key);
      object[key] = readValue(depth + 1);
    } while (next(','));
    if (again && keys.some((key) => /^\d+$/.test(key))) Object.defineProperty(object, KEYS, { value: keys });
    if (!next('}')) fail('"," or "}"');
    return object;
  }

  function readArray(depth: number): Json {
    const array: Json[] = [];
    at++;
    if (next(']')) return array;
    do array.push(readValue(depth + 1));
    while (next(','));
    if (!next(']')) fail('"," or "]"');
    return array;
  }

  function readString(): string {
    const token = match(STRING) ?? fail('a string');
    const string = JSON.parse(token) as string;
    return again || string.isWellFormed() ? string : fail('a string of whole Unicode characters');
  }

  function readWord(): Json {
    const from = at;
    const word = match(again ? PYTHONS_WORD : WORD) ?? fail('a value');
    if (integers && /^-0|[.eE]/.test(word) && /\d/.test(word)) {
      at = from;
      fail('numbers as plain integers');
    }
    if (word === 'null') return null;
    if (word === 'true' || word === 'false') return word === 'true';
    const number = Number(word);
    if (/^-?\d+$/.test(word)) return Number.isSafeInteger(number) ? number : BigInt(word);
    return again && Number.isInteger(number) ? (new Number(number) as number) : number;
  }

  function next(c: string): boolean {
    skipSpace();
    if (text[at] !== c) return false;
    at++;
    return true;
  }

  function skipSpace(): void {
    while (' \t\n\r'.includes(text[at] ?? 'x')) at++;
  }

  function match(pattern: RegExp): string | undefined {
    pattern.lastIndex = at;
    const found = pattern.exec(text)?.[0];
    if (found) at += found.length;
    return found;
  }

  function fail(expected: string): never {
    const got = at < text.length ? JSON.stringify(text.slice(at, at + 12)) : 'the end';
    throw new Error(`expected ${expected} at character ${at} of the JSON, got ${got}`);
  }
}

const MAX_DEPTH = 64;
// Each character fits one place of the pattern, so that a string without an end fails in linear time.
// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON forbids bare control characters in strings
const STRING = /"[^"\\\u0000-\u001f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\u0000-\u001f]*)*"/y;
const WORD = /null|true|false|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const PYTHONS_WORD = new RegExp(`${WORD.source}|NaN|-?Infinity`, 'y');
