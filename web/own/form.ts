// The options table as a form: which fields there are for a method, what a person wrote in them, and what of it stands.

import { wordsFor } from '../../src/options/kinds.ts';
import { expected, faultOf } from '../../src/options/rules.ts';
import { GROUPS, type Key, keysOf, type Option, type Options, option, withDefaults } from '../../src/options/table.ts';
import { valueIn } from '../../src/options/values.ts';
import { METHODS, methodNamed } from '../../src/parts.ts';
import { inPageWords } from './words.ts';

/** What the page asks elsewhere, or has no use for: it has no disk, and one device. */
const ELSEWHERE: Key[] = [
  ...(['model', 'hub', 'adapter', 'data', 'columns', 'eval', 'guard', 'selection', 'method', 'memory'] as const),
  ...(['learn', 'template', 'maxLength'] as const),
  ...(['checkpointEvery', 'resume', 'keep', 'out', 'force', 'saveRecipe', 'tensorboard', 'runtime', 'device', 'dtype'] as const),
  ...(['json', 'quiet', 'help', 'version'] as const),
];

/** Shown at once; the rest is behind "All settings". */
const FIRST: Key[] = ['budget', 'rank', 'layers', 'targets', 'lr', 'epochs', 'steps', 'batch', 'accumulate'];

const OF_METHODS = new Set(METHODS.flatMap((m) => m.takes)) as Set<Key>;

/** The options of a run that say something to a method: few, and all the others by group. */
export function fieldsOf(method: string): { first: Key[]; groups: { name: string; keys: Key[] }[] } {
  const all = keysOf('train').filter((key) => !ELSEWHERE.includes(key) && serves(key, method));
  const first = FIRST.filter((key) => all.includes(key));
  const rest = all.filter((key) => !FIRST.includes(key));
  const groups = Object.entries(GROUPS).map(([group, name]) => ({
    name,
    keys: rest.filter((key) => option(key).group === group),
  }));
  return { first, groups: groups.filter(({ keys }) => keys.length > 0) };
}

/** Whether an option says something to a method: one of its own, of the blocks that it trains, or a choice that it leaves. */
function serves(key: Key, method: string): boolean {
  const { takes, optimizers } = methodNamed(method);
  if (key === 'optimizer') return optimizers.length > 1;
  if (key === 'muonScale' || key === 'decayToward') return takes.includes('budget');
  return !OF_METHODS.has(key) || takes.includes(key);
}

/** The options without those that say nothing to their method: what a person wrote for another is kept for later. */
export function effective(given: Options): Options {
  const { method } = withDefaults(given.method === undefined ? {} : { method: given.method });
  return Object.fromEntries(Object.entries(given).filter(([key, value]) => value !== undefined && serves(key as Key, method)));
}

/** What a field shows where nothing is written: the value that then holds. */
export function defaultOf(key: Key, given: Options): string {
  const { [key]: _, ...others } = effective(given);
  const settled: Record<string, unknown> = withDefaults(others);
  if (key === 'epochs' && settled.steps === undefined) return '1';
  if (key === 'steps') return settled.epochs === undefined ? 'one epoch' : 'as many as the epochs have';
  if (key === 'lr' && settled.lr === undefined) return 'found by the run';
  if (key === 'evalEvery') return 'at the end of an epoch';
  return shown(settled[key]);
}

/** A value as a person writes it. */
export function shown(value: unknown): string {
  if (value === undefined) return '';
  if (Array.isArray(value)) return value.join(',');
  if (typeof value === 'number' && value !== 0 && Math.abs(value) < 1e-3) return value.toExponential().replace('e-', 'e-');
  return String(value);
}

/** What a person wrote in a field: a value, nothing, or a fault in words. */
export function written(key: Key, text: string): { value?: unknown; fault?: string } {
  if (text.trim() === '') return {};
  const value = valueIn(key, [text.trim()]);
  if (faultOf(key, value) === undefined) return { value };
  return { fault: inPageWords(`expected ${expected(option(key))}, got ${text.trim()}`) };
}

/** The values that an option may take, where they are few. */
export const choicesOf = (key: Key): readonly string[] | undefined => {
  const { kind, choices } = option(key) as Option<unknown>;
  return kind === 'choice' ? choices : undefined;
};

/** What an option does, in the words of the command line's help without its flags. */
export const helpOf = (key: Key): string => inPageWords(wordsFor(option(key), 'train'));
