/**
 * Patterns of a tokenizer.json as JavaScript's regular expressions, and texts cut by them as Rust's tokenizers cuts them. The
 * dialect of the patterns (Oniguruma's) is translated by @huggingface/tokenizers.
 */
import { SplitPreTokenizer } from '@huggingface/tokenizers';
import { PATTERNS } from '../../io/gguf-pretokenizers.ts';
import { bounded, type Find } from './bounded.ts';

/** Characters of a pattern: published ones have some hundred, and each alternative is tried at each character of a text. */
const MAX_PATTERN = 4000;

/** A pattern {Regex} or {String}; one that is not known by its text runs in counted steps. */
export function patternOf(pattern: any, where: string): Find {
  if (typeof pattern?.String === 'string') return literal(pattern.String);
  if (typeof pattern?.Regex !== 'string') throw new Error(`expected ${where} to have a pattern, got ${JSON.stringify(pattern)}`);
  if (pattern.Regex.length > MAX_PATTERN)
    throw new Error(`expected ${where} to have a pattern of at most ${MAX_PATTERN} characters, got ${pattern.Regex.length}`);
  const compiled = compile(pattern);
  return KNOWN.has(pattern.Regex) ? plain(compiled) : bounded(compiled);
}

function compile(pattern: { Regex: string }): RegExp {
  const compiled = (new SplitPreTokenizer({ type: 'Split', pattern, behavior: 'Isolated', invert: false } as any) as any).pattern;
  // Without regard to case, two letters of ASCII have a third form in Unicode, which the translation leaves out.
  if (!pattern.Regex.includes('(?i:')) return compiled;
  return new RegExp(compiled.source.replaceAll('[sS]', '[sSſ]').replaceAll('[kK]', '[kK\u212A]'), compiled.flags);
}

/** GPT-2's own, which ByteLevel stands for too. */
export const GPT2 = String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`;
const KNOWN = new Set([GPT2, ...PATTERNS]);

export const literal = (text: string) => plain(new RegExp(text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&'), 'gu'));

/** An expression of this program's own, or one that is known to be quick. */
export function plain(expression: RegExp): Find {
  return function* (text) {
    for (const { 0: found, index } of text.matchAll(expression)) yield { from: index, to: index + found.length };
  };
}

/** A text with each match as `content`; not if it grows beyond all measure. */
export function replaced(text: string, find: Find, content: string): string {
  let out = '';
  let done = 0;
  for (const { from, to } of find(text)) {
    out += text.slice(done, from) + content;
    if (out.length > mostOf(text)) grown(text, out);
    done = to;
  }
  return grown(text, out + text.slice(done));
}

/** What was made of a text; refused where that is far longer: no writing's forms are, and stages that each double it would never end. */
export function grown(text: string, made: string): string {
  mustNotGrow(text, made.length);
  return made;
}

/** Throws where what was made of a text is far longer. */
export function mustNotGrow(text: string, length: number): void {
  if (length <= mostOf(text)) return;
  throw new Error(
    `expected a tokenizer that makes at most ${mostOf(text)} characters of a text of ${text.length}, got one that makes more of it; take tokenizer.json from the original model folder`,
  );
}

const mostOf = (text: string) => 1000 + 64 * text.length;

/** The one character that stands for a space. */
export function replacementOf({ replacement = '▁' }: { replacement?: unknown }): string {
  if (typeof replacement === 'string' && [...replacement].length === 1) return replacement;
  throw new Error(`expected Metaspace.replacement to be one character, got ${JSON.stringify(replacement)?.slice(0, 80)}`);
}

/** Each match as a character of its own, or what lies between. */
export interface Cut {
  from: number;
  to: number;
  match: boolean;
}

export type Behavior = 'Removed' | 'Isolated' | 'MergedWithPrevious' | 'MergedWithNext' | 'Contiguous';
const BEHAVIORS = ['Removed', 'Isolated', 'MergedWithPrevious', 'MergedWithNext', 'Contiguous'];

/** The behavior of a setting, in Rust's or in Python's spelling. */
export function behaviorOf(value: unknown, where: string): Behavior {
  const plain = String(value).replaceAll('_', '').toLowerCase();
  const found = BEHAVIORS.find((name) => name.toLowerCase() === plain);
  if (!found) throw new Error(`expected ${where}.behavior to be one of ${BEHAVIORS.join(' ')}, got ${JSON.stringify(value)}`);
  return found as Behavior;
}

/** A text cut at matches: ranges of what remains, none of them empty. */
export function split(text: string, find: Find, behavior: Behavior, invert = false): { from: number; to: number }[] {
  const cuts = cutsOf(text, find);
  if (invert) for (const cut of cuts) cut.match = !cut.match;
  const kept = behavior === 'Removed' ? cuts.filter((cut) => !cut.match) : merged(cuts, behavior);
  return kept.filter(({ from, to }) => to > from);
}

function cutsOf(text: string, find: Find): Cut[] {
  const cuts: Cut[] = [];
  let done = 0;
  for (const { from, to } of find(text)) {
    if (done !== from) cuts.push({ from: done, to: from, match: false });
    done = to;
    cuts.push({ from, to, match: true });
  }
  if (done !== text.length) cuts.push({ from: done, to: text.length, match: false });
  return cuts;
}

function merged(cuts: Cut[], behavior: Behavior): Cut[] {
  if (behavior === 'Isolated') return cuts;
  const backward = behavior === 'MergedWithNext';
  const out: Cut[] = [];
  let before = false;
  for (const cut of backward ? cuts.toReversed() : cuts) {
    const joins = behavior === 'Contiguous' ? cut.match === before : cut.match && !before;
    const last = out.at(-1);
    before = cut.match;
    if (!joins || !last) out.push({ ...cut });
    else if (backward) last.from = cut.from;
    else last.to = cut.to;
  }
  return backward ? out.reverse() : out;
}
