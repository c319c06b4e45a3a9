// A sound file made unsound in the ways that files are: bits turned, bytes lost or doubled, lengths that lie, parts of one place at
// another, words of its own format where others stood. No test in here.
import fc from 'fast-check';

type Bytes = Uint8Array<ArrayBuffer>;
type Change = (bytes: Bytes) => Bytes;

// anywhere alike: what is left to itself looks at the beginning most
const at = fc.noBias(fc.nat(2 ** 30 - 1)).map((n) => n / 2 ** 30);
const place = (share: number, length: number) => Math.floor(share * length);
const spliced = (bytes: Bytes, from: number, to: number, put: Bytes): Bytes => {
  const out = new Uint8Array(bytes.length - (to - from) + put.length);
  out.set(bytes.subarray(0, from));
  out.set(put, from);
  out.set(bytes.subarray(to), from + put.length);
  return out;
};

const bit = fc.tuple(at, fc.nat(7)).map(
  ([share, n]): Change =>
    (bytes) => {
      const out = bytes.slice();
      if (out.length) out[place(share, out.length)] ^= 1 << n;
      return out;
    },
);
const byte = fc.tuple(at, fc.nat(255)).map(
  ([share, n]): Change =>
    (bytes) => {
      const out = bytes.slice();
      if (out.length) out[place(share, out.length)] = n;
      return out;
    },
);
const cut = at.map(
  (share): Change =>
    (bytes) =>
      bytes.slice(0, place(share, bytes.length)),
);
const removed = fc.tuple(at, fc.integer({ min: 1, max: 64 })).map(
  ([share, n]): Change =>
    (bytes) => {
      const from = place(share, bytes.length);
      return spliced(bytes, from, Math.min(bytes.length, from + n), new Uint8Array());
    },
);
const copied = fc.tuple(at, at, fc.integer({ min: 1, max: 4096 })).map(
  ([a, b, n]): Change =>
    (bytes) => {
      const from = place(a, bytes.length);
      const to = place(b, bytes.length);
      return spliced(bytes, to, to, bytes.slice(from, from + n));
    },
);

/** A number of 1, 4 or 8 bytes that counts or points further than there is anything. */
const LIES = [
  0n,
  1n,
  2n ** 7n,
  2n ** 31n - 1n,
  2n ** 31n,
  2n ** 32n - 1n,
  2n ** 40n,
  2n ** 53n,
  2n ** 63n,
  2n ** 64n - 1n,
  2n ** 64n - 8n,
];
const length = fc.tuple(at, fc.constantFrom(...LIES), fc.constantFrom(1, 4, 8), fc.boolean()).map(
  ([share, lie, size, aligned]): Change =>
    (bytes) => {
      const out = bytes.slice();
      let from = place(share, out.length);
      if (aligned) from -= from % size;
      for (let i = 0; i < size && from + i < out.length; i++) out[from + i] = Number((lie >> BigInt(8 * i)) & 255n);
      return out;
    },
);

const WORDS = [
  '"',
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '\\',
  '\n',
  '\r',
  '\0',
  ' ',
  '-',
  '1e999',
  '-1',
  '0.5',
  '9007199254740993',
  'null',
  'true',
  '""',
  '{}',
  '[]',
];
const MORE = [
  '__proto__',
  'constructor',
  '\ufeff',
  '\\ud800',
  '\u202e',
  '(a+)+$',
  '{%',
  '%}',
  '{{',
  '../',
  'PAR1',
  'GGUF',
  '[[[[[[[[[[[[[[[[',
];
const word = fc.tuple(at, fc.constantFrom(...WORDS, ...MORE), fc.nat(8)).map(
  ([share, text, over]): Change =>
    (bytes) => {
      const from = place(share, bytes.length);
      return spliced(bytes, from, Math.min(bytes.length, from + over), new TextEncoder().encode(text));
    },
);
/** A value of JSON for another. */
const value = fc.tuple(fc.nat(), fc.constantFrom(...WORDS.slice(12), '"x"', '[1,2]', '{"a":1}')).map(
  ([n, text]): Change =>
    (bytes) => {
      const whole = new TextDecoder('latin1').decode(bytes);
      const values = [...whole.slice(0, 20_000).matchAll(/(?<=[:[,]\s*)(?:"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|true|false|null)/g)];
      if (values.length === 0) return bytes;
      const { 0: old, index } = values[n % values.length];
      return spliced(bytes, index, index + old.length, new TextEncoder().encode(text));
    },
);

/** One to four changes, one after the other. */
export const mutation: fc.Arbitrary<Change> = fc
  .array(fc.oneof(bit, byte, cut, removed, copied, length, word, value), { minLength: 1, maxLength: 4 })
  .map((changes) => (bytes) => changes.reduce((b, change) => change(b), bytes));
