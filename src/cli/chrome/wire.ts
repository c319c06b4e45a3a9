// What the host of a command in Chrome and its page say to each other: JSON in which numbers that JSON has not keep their names,
// and the calls on files that the page asks of the host.

import type { Options, Verb } from '../../options/table.ts';

/** What the page is given to do. */
export interface Errand {
  verb: Verb;
  options: Options;
  files: string[];
  /** Folder of the running file of the host, beside which the built-in model lies. */
  dirname: string;
}

/** What became of it. */
export interface Outcome {
  error?: string;
}

/** What of a file's state is told. */
export interface Stat {
  file: boolean;
  folder: boolean;
  size: number;
}

const MARK = 'not a number of JSON: ';

export const toWire = (value: unknown): string =>
  JSON.stringify(value, (_, x) => (typeof x === 'number' && !Number.isFinite(x) ? `${MARK}${x}` : x));

export const fromWire = (text: string): any =>
  JSON.parse(text, (_, x) => (typeof x === 'string' && x.startsWith(MARK) ? Number(x.slice(MARK.length)) : x));
