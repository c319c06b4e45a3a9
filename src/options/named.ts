// Messages of the engine in a host's words: it names settings by their keys (setting.ts), a host by its flags or labels.
import { KEYS, type Key } from './table.ts';

/** The text with each setting as `nameOf` has it. What else stands between such marks stays. */
export const named = (text: string, nameOf: (key: Key) => string): string =>
  text.replace(/`(\w+)`/g, (whole, key) => (KEYS.includes(key) ? nameOf(key) : whole));
