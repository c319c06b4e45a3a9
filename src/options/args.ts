/**
 * The command line as options: flags read by the options table and checked by the rules. Reads no files, prints nothing;
 * what cannot be read is a usage error in words (exit 2).
 */
import { help, overview } from './help.ts';
import { contradiction, expected, faultOf } from './rules.ts';
import { flagOf, KEYS, type Key, keysOf, type Options, option, TARGETS, VERBS, type Verb } from './table.ts';

export type Parsed =
  | { kind: 'run'; verb: Verb; options: Options; files: string[] }
  | { kind: 'help' | 'usage'; text: string }
  | { kind: 'version' };

/** The verb and options of a command line (without the program's name). */
export function parseCommand(argv: readonly string[]): Parsed {
  const [verb, ...rest] = argv;
  if (verb === undefined || verb === '--help' || verb === '-h' || verb === 'help')
    return isVerb(rest[0]) && verb === 'help' ? { kind: 'help', text: help(rest[0]) } : { kind: 'help', text: overview() };
  if (verb === '--version' || verb === '-v') return { kind: 'version' };
  if (isVerb(verb)) return parseArgs(verb, rest);
  const verbs = Object.keys(VERBS);
  const cure = near(verb, verbs) ?? (verb.startsWith('-') ? 'the verb comes first: blocktune VERB [options]' : undefined);
  return { kind: 'usage', text: `expected one of ${verbs.join(' ')}, got "${verb}"; ${cure ?? 'see blocktune --help'}` };
}

/** The options of one verb; files: what `inspect` and `compare` are given. */
export function parseArgs(verb: Verb, argv: readonly string[]): Parsed {
  const known = keysOf(verb);
  const words = new Map<Key, string[]>();
  const files: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i];
    if (word === '-h') return { kind: 'help', text: help(verb) };
    if (!word.startsWith('--')) {
      if (verb !== 'inspect' && verb !== 'compare')
        return usage(verb, `expected options that begin with --, got "${word}"; quote a text of several words`);
      files.push(word);
      continue;
    }
    const [name, attached] = cutAt(word, '=');
    const key = known.find((candidate) => flagOf(candidate) === name);
    if (key === undefined) return usage(verb, unknownFlag(verb, name));
    const { kind } = option(key);
    if (kind === 'flag') {
      if (attached !== undefined) return usage(verb, `expected ${name} without a value, got ${word}; leave the value out`);
      words.set(key, []);
      continue;
    }
    const values = attached === undefined ? [] : [attached];
    if (attached === undefined)
      while (i + 1 < argv.length && !isFlag(argv[i + 1]) && (values.length === 0 || kind === 'texts')) values.push(argv[++i]);
    if (values.length === 0)
      return usage(verb, `expected ${name} to be followed by ${expected(option(key))}, got nothing; give it a value`);
    if (words.has(key) && kind !== 'texts') return usage(verb, `expected ${name} once, got it twice; leave one out`);
    words.set(key, [...(words.get(key) ?? []), ...values]);
  }
  if (words.has('help')) return { kind: 'help', text: help(verb) };
  if (words.has('version')) return { kind: 'version' };
  return checked(verb, words, files);
}

/** Reads every value by its kind, then applies the rules. */
function checked(verb: Verb, words: Map<Key, string[]>, files: string[]): Parsed {
  const options: Record<string, unknown> = {};
  for (const [key, values] of words) {
    const value = readValue(key, values);
    if (faultOf(key, value) !== undefined)
      return usage(verb, `expected ${flagOf(key)} to be ${expected(option(key))}, got "${values.join(' ')}"; correct it`);
    options[key] = value;
  }
  const clash = contradiction(verb, options as Options);
  if (clash !== undefined) return usage(verb, clash);
  if (verb === 'inspect' && files.length === 0) return usage(verb, 'expected files or folders to inspect, got none; name them');
  if (verb === 'compare' && files.length !== 1)
    return usage(
      verb,
      `expected one recipe, got ${files.length === 0 ? 'none' : files.join(' ')}; name it, and what else to do by options`,
    );
  return { kind: 'run', verb, options: options as Options, files };
}

/** The value that these words say; a text where they say none, for the rules to refuse. */
function readValue(key: Key, words: string[]): unknown {
  const { kind } = option(key);
  const [word] = words;
  if (kind === 'flag') return true;
  if (kind === 'texts') return words;
  if (kind === 'int' || kind === 'number') return numberOf(word);
  if (kind === 'block') return word === 'auto' ? word : numberOf(word);
  if (kind === 'pair') return word.split(',').map(numberOf);
  if (kind === 'choices') return targetsOf(word);
  return word;
}

const numberOf = (word: string) => (/^\s*[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?\s*$/i.test(word) ? Number(word) : word);

const SHORT: Record<string, readonly string[]> = { all: TARGETS, attn: TARGETS.slice(0, 4), mlp: TARGETS.slice(4) };

/** Targets in the table's order, whatever the order they are given in; q_proj is q. */
function targetsOf(word: string): string[] {
  const named = word.split(',').flatMap((part) => SHORT[part.trim()] ?? [part.trim().replace(/_proj$/, '')]);
  return [...new Set(named)].sort((a, b) => TARGETS.indexOf(a as 'q') - TARGETS.indexOf(b as 'q'));
}

const isVerb = (word: string | undefined): word is Verb => word !== undefined && Object.hasOwn(VERBS, word);
const isFlag = (word: string) => word.startsWith('--') && word.length > 2;

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

function cutAt(word: string, mark: string): [string, string | undefined] {
  const at = word.indexOf(mark);
  return at === -1 ? [word, undefined] : [word.slice(0, at), word.slice(at + 1)];
}
