/**
 * Options as the words of a command that says them: the way back of args.ts and values.ts. Quoted for a POSIX shell, so that names
 * with spaces and quotes stay what they are.
 */
import { flagOf, type Key, keysOf, type Options, option, type Verb } from './table.ts';

/** `blocktune VERB --flag value ...`: read again by the command line it gives these options. */
export function commandLine(verb: Verb, given: Options): string {
  return ['npx blocktune', verb, ...keysOf(verb).flatMap((key) => said(key, given[key]))].join(' ');
}

function said(key: Key, value: unknown): string[] {
  const { kind } = option(key);
  if (value === undefined || value === false) return [];
  if (kind === 'flag') return [flagOf(key)];
  const words = kind === 'texts' ? (value as string[]) : [Array.isArray(value) ? value.join(',') : String(value)];
  // a value that begins with dashes would be taken for a flag
  if (words.some((word) => word.startsWith('-'))) return words.map((word) => `${flagOf(key)}=${quoted(word)}`);
  return [flagOf(key), ...words.map(quoted)];
}

const quoted = (word: string) => (/^[\w./:=,%@+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);
