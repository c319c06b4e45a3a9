// Text from files on its way to a terminal: names, errors and answers are data, and must not move the cursor, set the title, colour
// what follows or turn the order of letters round.

// C0 but for tab and line feed, DEL, C1, and the marks that change the direction of writing
const CONTROLS = '\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\u061c\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069';
const CONTROL = new RegExp(`[${CONTROLS}]`, 'g');
// what JSON leaves as it is, and the two at which some readers (Python's splitlines) begin another line
const UNESCAPED = new RegExp(`[${CONTROLS.slice('\\x00-\\x08\\x0b-\\x1f'.length)}\\u2028\\u2029]`, 'g');

/** A text without control characters. */
export const clean = (text: string) => text.replace(CONTROL, '');

/** A paragraph of a length that is read: what a file holds may be millions of characters, and stand in an error. */
export const clipped = (text: string, most = 4000) =>
  text.length <= most ? text : `${text.slice(0, most / 2)} [${text.length - most} characters more] ${text.slice(-most / 2)}`;

/** All texts of a value without control characters. */
export function cleaned<T>(value: T): T {
  if (typeof value === 'string') return clean(value) as T;
  if (ArrayBuffer.isView(value) || typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return (typeof value[0] === 'number' ? value : value.map(cleaned)) as T;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [clean(key), cleaned(one)])) as T;
}

/** JSON with every control character escaped, one line to all who read it. */
export const cleanJson = (value: unknown) =>
  JSON.stringify(value).replace(UNESCAPED, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
