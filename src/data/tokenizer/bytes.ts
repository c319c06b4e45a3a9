/** Bytes as the letters that byte-level tokenizers write them in: printable ones as themselves, the others from U+0100 on. */
const LETTERS: string[] = [];
let next = 0x100;
for (let byte = 0; byte < 256; byte++) {
  const printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
  LETTERS.push(String.fromCharCode(printable ? byte : next++));
}
const BYTES = new Map(LETTERS.map((letter, byte) => [letter, byte]));
const encoder = new TextEncoder();

/** A text's UTF-8 as letters. */
export function byteLetters(text: string): string {
  let out = '';
  for (const byte of encoder.encode(text)) out += LETTERS[byte];
  return out;
}

/** The bytes of letters; of a token that has other characters, its UTF-8. */
export function bytesOfLetters(token: string): Iterable<number> {
  const bytes: number[] = [];
  for (const letter of token) {
    const byte = BYTES.get(letter);
    if (byte === undefined) return encoder.encode(token);
    bytes.push(byte);
  }
  return bytes;
}

/** The token of a byte where a vocabulary has one for each (<0x0A>). */
export const byteToken = (byte: number) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`;
/** The tokens of a text's bytes. */
export const byteTokens = (text: string) => Array.from(encoder.encode(text), byteToken);
