// Numbers as the page shows them: the words of src/words.ts, with a number and its unit on one line.

import * as words from '../src/words.ts';

export { grouped, ordinal } from '../src/words.ts';

const joined = (text: string) => text.replaceAll(' ', '\u00a0');

export const bytes = (n: number): string => joined(words.bytes(n));
export const count = (n: number): string => (n < 1e4 ? words.grouped(n) : joined(words.count(n)));
export const duration = (seconds: number): string => joined(words.duration(seconds));
export const percent = (share: number): string => joined(words.percent(share));
