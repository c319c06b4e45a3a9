// What an option is: its kind, its verbs, its words and bounds; and short ways to write one down. The table of them is table.ts.

export const VERBS = {
  train: 'fine-tune a model on data; the result is an adapter folder, or a model',
  select: 'warm up, score and choose the blocks, without training them',
  eval: 'how well a model, with or without an adapter, predicts the answers of data',
  rows: 'what each row of data becomes: its tokens, and which of them are learned; no GPU',
  generate: 'let a model answer a prompt, or every row of data',
  serve: 'an OpenAI-compatible server of a model and its adapters, for chat clients, scripts and lm-evaluation-harness',
  merge: 'a base model and an adapter to one model',
  export: 'a model, with or without an adapter, in the files that other programs run',
  plan: 'the memory that a run needs and what its steps cost, without a GPU and from a config alone',
  inspect: 'what is in model, adapter and data files, and whether they are sound',
  doctor: 'the GPU found, its limits, and whether every kernel is right on it',
  bench: 'how fast the kernels are on this GPU',
  compare: 'several methods on the same data at equal size, side by side: a table and a report',
  replay: 'a run again by its receipt.json, and whether it comes out the same to the bit',
  demo: 'fine-tune the built-in model on the built-in task, and show it',
} as const;

export type Verb = keyof typeof VERBS;

/** Verbs that take files beside their options, and how those are called. */
export const FILES: Partial<Record<Verb, string>> = {
  train: '[RECIPE.json]',
  inspect: 'FILE...',
  compare: 'RECIPE.json',
  replay: 'RECEIPT.json',
};

export const GROUPS = {
  model: 'Model',
  data: 'Data',
  method: 'Method',
  blocks: 'Blocks (smt)',
  rank: 'Rank (lora, dora)',
  run: 'Run',
  optimizer: 'Optimizer',
  watch: 'Evaluation and checkpoints',
  task: 'Published tasks',
  answer: 'Answers',
  server: 'Server',
  output: 'Output',
  machine: 'Machine',
  general: 'General',
} as const;

export type Kind =
  | 'flag'
  | 'text'
  | 'day'
  | 'texts'
  | 'int'
  | 'number'
  | 'choice'
  | 'choices'
  | 'tasks'
  | 'pair'
  | 'block'
  | 'rate'
  | 'budget'
  | 'size'
  | 'gpu';

export interface Option<T> {
  kind: Kind;
  verbs: readonly Verb[];
  group: keyof typeof GROUPS;
  help: string;
  /** The flag, where it is not the key in kebab case: one flag may mean one thing to some verbs and another to others. */
  flag?: string;
  /** What the value is called in help. */
  metavar?: string;
  choices?: readonly string[];
  /** Verbs that take but some of the choices. */
  fewer?: Partial<Record<Verb, readonly string[]>>;
  /** Bounds of a number: at least; above; at most; below. */
  min?: number;
  above?: number;
  max?: number;
  below?: number;
  default?: T;
}

export type Where = [group: keyof typeof GROUPS, verbs: readonly Verb[]];
type Bounds = Pick<Option<number>, 'min' | 'above' | 'max' | 'below'>;

export const flag = ([group, verbs]: Where, help: string): Option<boolean> => ({ kind: 'flag', group, verbs, help });
export const text = ([group, verbs]: Where, metavar: string, help: string): Option<string> => ({
  kind: 'text',
  group,
  verbs,
  metavar,
  help,
});
export const day = ([group, verbs]: Where, help: string): Option<string> => ({
  kind: 'day',
  group,
  verbs,
  metavar: 'YYYY-MM-DD',
  help,
});
export const texts = ([group, verbs]: Where, metavar: string, help: string): Option<string[]> => ({
  kind: 'texts',
  group,
  verbs,
  metavar,
  help,
});
export const int = ([group, verbs]: Where, help: string, min = 1, max?: number): Option<number> => ({
  kind: 'int',
  group,
  verbs,
  metavar: 'N',
  help,
  min,
  max,
});
export const number = ([group, verbs]: Where, metavar: string, help: string, bounds: Bounds): Option<number> => ({
  kind: 'number',
  group,
  verbs,
  metavar,
  help,
  ...bounds,
});
export const choice = <const C extends string>([group, verbs]: Where, choices: readonly C[], help: string): Option<C> => ({
  kind: 'choice',
  group,
  verbs,
  choices,
  help,
});
/** What of a choice a verb takes; all of them, where none is named. */
export const choicesOf = ({ choices, fewer }: Option<unknown>, verb?: Verb) => (verb && fewer?.[verb]) ?? choices;
/** The words of an option without those for choices that the verb does not take, and those for other verbs. */
export function wordsFor(one: Option<unknown>, verb: Verb): string {
  const taken = choicesOf(one, verb) ?? [];
  const left = [...(one.choices ?? []).filter((name) => !taken.includes(name)), ...Object.keys(VERBS)];
  const parts = one.help.split('; ').map((part) => (part.startsWith(`${verb}: `) ? part.slice(verb.length + 2) : part));
  return parts.filter((part) => !left.some((name) => part.startsWith(`${name}: `))).join('; ');
}
/** The choice, of which some verbs take but a part. */
export const narrowed = <O extends Option<any>>(option: O, fewer: Option<unknown>['fewer']): O => ({ ...option, fewer });
export const choices = <const C extends string>(
  [group, verbs]: Where,
  of: readonly C[],
  metavar: string,
  help: string,
): Option<C[]> => ({
  kind: 'choices',
  group,
  verbs,
  choices: of,
  metavar,
  help,
});
export const or = <T>(option: Option<T>, value: T): Option<T> & { default: T } => ({ ...option, default: value });
