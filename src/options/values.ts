/** Values as people write them: the words behind a flag, read by the kind of its option. What is sound is rules.ts. */
import { TASKS, taskNamed } from '../tasks.ts';
import { type Key, option, TARGETS } from './table.ts';

/** The value that these words say; a text where they say none, for the rules to refuse. */
export function valueIn(key: Key, words: readonly string[]): unknown {
  const { kind } = option(key);
  const [word] = words;
  if (kind === 'flag') return true;
  if (kind === 'texts') return words;
  if (kind === 'int' || kind === 'number') return numberOf(word);
  if (kind === 'block' || kind === 'rate') return word === 'auto' ? word : numberOf(word);
  if (kind === 'pair') return word.split(',').map(numberOf);
  if (key === 'targets') return targetNames(word);
  if (kind === 'tasks') return tasksNamed(word);
  if (kind === 'choices') return [...new Set(word.split(',').map((part) => part.trim()))];
  return word;
}

const numberOf = (word: string) => (/^\s*[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?\s*$/i.test(word) ? Number(word) : word);

const SHORT: Record<string, readonly string[]> = { all: TARGETS, attn: TARGETS.slice(0, 4), mlp: TARGETS.slice(4) };

/** Targets in the table's order, whatever the order they are given in; q_proj is q. */
function targetNames(word: string): string[] {
  const named = word.split(',').flatMap((part) => SHORT[part.trim()] ?? [part.trim().replace(/_proj$/, '')]);
  return [...new Set(named)].sort((a, b) => TARGETS.indexOf(a as 'q') - TARGETS.indexOf(b as 'q'));
}

/** Tasks by their own names, whatever the spelling; a name that there is not stays, for the rules to refuse. */
function tasksNamed(word: string): string[] {
  const named = word.split(',').flatMap((part) => {
    const group = TASKS.filter((task) => task.group === part.trim().toLowerCase());
    return group.length ? group.map(({ name }) => name) : [taskNamed(part)?.name ?? part.trim()];
  });
  return [...new Set(named)];
}
