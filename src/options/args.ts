/**
 * The command line as options: node's own reader takes the words apart, the options table says what they mean, the rules
 * what is sound. Reads no files, prints nothing; what cannot be read is a usage error in words (exit 2). Of the command line
 * alone: the page has no node:util.
 */
import { parseArgs as tokenize } from 'node:util';
import { help, overview } from './help.ts';
import { choicesOf } from './kinds.ts';
import { contradiction, expected, faultOf } from './rules.ts';
import { FILES, flagOf, KEYS, type Key, keysOf, type Options, option, VERBS, type Verb } from './table.ts';
import { valueIn } from './values.ts';

export type Parsed =
  | { kind: 'run'; verb: Verb; options: Options; files: string[] }
  | { kind: 'help' | 'usage'; text: string }
  | { kind: 'version' };

/** The verb and options of a command line (without the program's name). width: columns of the help texts. */
export function parseCommand(argv: readonly string[], width?: number): Parsed {
  const [verb, ...rest] = argv;
  if (verb === undefined || verb === '--help' || verb === '-h' || verb === 'help')
    return { kind: 'help', text: isVerb(rest[0]) && verb === 'help' ? help(rest[0], width) : overview(width) };
  if (verb === '--version' || verb === '-v') return { kind: 'version' };
  if (isVerb(verb)) return parseArgs(verb, rest, width);
  const verbs = Object.keys(VERBS);
  const cure = near(verb, verbs) ?? (verb.startsWith('-') ? 'the verb comes first: blocktune VERB [options]' : undefined);
  return { kind: 'usage', text: `expected one of ${verbs.join(' ')}, got "${verb}"; ${cure ?? 'see blocktune --help'}` };
}

/** The options of one verb, and the files that stand beside them. */
function parseArgs(verb: Verb, argv: readonly string[], width?: number): Parsed {
  const read = wordsOf(verb, argv);
  if ('fault' in read) return usage(verb, read.fault);
  const { words, files } = read;
  if (words.has('help')) return { kind: 'help', text: help(verb, width) };
  if (words.has('version')) return { kind: 'version' };
  const options: Record<string, unknown> = {};
  for (const [key, values] of words) {
    const value = valueIn(key, values);
    if (faultOf(key, value, verb) !== undefined)
      return usage(verb, `expected ${flagOf(key)} to be ${wanted(key, verb)}, got "${values.join(' ')}"; correct it`);
    options[key] = value;
  }
  // a saved recipe is held to the rules together with the flags, once it is read
  const fault = (files.length && verb === 'train' ? undefined : contradiction(verb, options)) ?? ofFiles(verb, files);
  return fault === undefined ? { kind: 'run', verb, options, files } : usage(verb, fault);
}

/** The words behind each option. Not node's strict reading: it refuses `--seed -1`, and its errors know no options table. */
function wordsOf(verb: Verb, argv: readonly string[]): { words: Map<Key, string[]>; files: string[] } | { fault: string } {
  const known = keysOf(verb);
  const types = known.map((key) => [flagOf(key).slice(2), { type: isFlag(key) ? 'boolean' : 'string', multiple: true }] as const);
  const { tokens } = tokenize({ args: [...argv], options: Object.fromEntries(types), strict: false, tokens: true });
  const words = new Map<Key, string[]>();
  const files: string[] = [];
  let open: Key | undefined; // several values may follow one flag
  for (const token of tokens) {
    if (token.kind === 'option-terminator') open = undefined;
    else if (token.kind === 'positional') {
      if (open) words.get(open)!.push(token.value);
      else files.push(token.value);
    } else {
      const { name, rawName: flag, value, inlineValue } = token;
      if (flag === '-h') return { words: new Map([['help', []]]), files };
      if (!flag.startsWith('--')) return { fault: stray(argv[token.index]) };
      const key = known.find((candidate) => flagOf(candidate) === flag);
      if (key === undefined) return { fault: unknownFlag(verb, flag) };
      if (isFlag(key)) {
        if (inlineValue) return { fault: `expected ${flag} without a value, got --${name}=${value}; leave the value out` };
        words.set(key, []);
        open = undefined;
        continue;
      }
      if (value === undefined || (!inlineValue && /^--./.test(value)))
        return { fault: `expected ${flag} to be followed by ${wanted(key, verb)}, got nothing; give it a value` };
      const several = option(key).kind === 'texts';
      if (words.has(key) && !several) return { fault: `expected ${flag} once, got it twice; leave one out` };
      words.set(key, [...(words.get(key) ?? []), value]);
      open = several && !inlineValue ? key : undefined;
    }
  }
  return { words, files };
}

/** The values that the verb takes of an option, in words. */
const wanted = (key: Key, verb: Verb) => expected({ ...option(key), choices: choicesOf(option(key), verb) });

const isFlag = (key: Key) => option(key).kind === 'flag';

/** What is wrong with the files that stand beside the options. */
function ofFiles(verb: Verb, files: string[]): string | undefined {
  const named = files.length ? files.join(' ') : 'none';
  if (!(verb in FILES)) return files.length ? stray(files[0]) : undefined;
  if (verb === 'inspect') return files.length ? undefined : 'expected files or folders to inspect, got none; name them';
  if (verb === 'compare')
    return files.length === 1 ? undefined : `expected one recipe, got ${named}; name it, and what else to do by options`;
  if (verb === 'replay') return files.length === 1 ? undefined : `expected one receipt.json, got ${named}; name it`;
  if (files.length > 1) return `expected at most one saved recipe, got ${named}; give data by --data`;
  return /\.(jsonl|ndjson|csv|tsv|txt|parquet)$/i.test(files[0] ?? '')
    ? `expected options that begin with --, got "${files[0]}"; give data by --data`
    : undefined;
}

const stray = (word: string) => `expected options that begin with --, got "${word}"; quote a text of several words`;

const isVerb = (word: string | undefined): word is Verb => word !== undefined && Object.hasOwn(VERBS, word);

const usage = (verb: Verb, text: string): Parsed => ({ kind: 'usage', text: `${text} (blocktune ${verb} --help)` });

function unknownFlag(verb: Verb, name: string): string {
  const elsewhere = KEYS.find((key) => flagOf(key) === name);
  if (elsewhere !== undefined)
    return `expected an option of ${verb}, got ${name}, which belongs to ${option(elsewhere).verbs.join(', ')}; leave it out`;
  return `expected an option of ${verb}, got ${name}, which there is not; ${near(name, keysOf(verb).map(flagOf)) ?? 'see its help'}`;
}

/** "did you mean X?" where a known word is at most two changes, or a third of it, away. */
function near(word: string, known: string[]): string | undefined {
  const [best] = known.map((one) => ({ one, off: distance(word, one) })).sort((a, b) => a.off - b.off);
  return best && best.off <= Math.max(2, best.one.length / 3) ? `did you mean ${best.one}?` : undefined;
}

/** Levenshtein distance. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next.push(Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1)));
    row = next;
  }
  return row[b.length];
}
