/**
 * The published tasks in LLM-Adapters' format (eight of commonsense, six of arithmetic): their names, their prompts to the letter, and
 * what is read of a model's words. Sources: commonsense_evaluate.py and evaluate.py of AGI-Edgerunners/LLM-Adapters, and
 * run_commonsense_parallel.py of Sparse Matrix Tuning. Where rows come from is data/task-rows.ts, how they are answered eval/.
 */

export interface Task {
  /** The folder of its test.json in LLM-Adapters. */
  name: string;
  group: 'commonsense' | 'math';
  /** Other names that it goes by, in small letters without marks. */
  also: readonly string[];
  /** The words that an answer may be; without them it is a number, or of `letters` one of A to E. */
  words?: readonly string[];
  letters?: boolean;
}

const numbered = (word: string, n: number) => Array.from({ length: n }, (_, i) => `${word}${i + 1}`);
const choosing = (name: string, words: readonly string[], ...also: string[]): Task => ({
  name,
  group: 'commonsense',
  also,
  words,
});
const counting = (name: string, ...also: string[]): Task => ({ name, group: 'math', also });

/** In the order in which the papers list them. */
export const TASKS: readonly Task[] = [
  choosing('boolq', ['true', 'false']),
  choosing('piqa', numbered('solution', 2)),
  choosing('social_i_qa', numbered('answer', 5), 'siqa', 'socialiqa'),
  choosing('hellaswag', numbered('ending', 4)),
  choosing('winogrande', numbered('option', 2)),
  choosing('ARC-Easy', numbered('answer', 5), 'arce'),
  choosing('ARC-Challenge', numbered('answer', 5), 'arcc'),
  choosing('openbookqa', numbered('answer', 5), 'obqa'),
  counting('gsm8k'),
  counting('SingleEq'),
  counting('SVAMP'),
  counting('MultiArith'),
  counting('AddSub'),
  { ...counting('AQuA'), letters: true },
];

export const TASK_NAMES = TASKS.map(({ name }) => name);
export const FORMS = ['llm-adapters', 'smt'] as const;
/** Whose script: the prompt, the letter case of what is read, and how long an answer may be. */
export type Form = (typeof FORMS)[number];

/** A name without its marks and capitals. */
export const plainName = (name: string) => name.toLowerCase().replace(/[^a-z0-9]/g, '');

/** The task of a name, whatever its marks and capitals. */
export const taskNamed = (name: string): Task | undefined =>
  TASKS.find((task) => plainName(task.name) === plainName(name) || task.also.includes(plainName(name)));

/** A row of a task's file. */
export interface Question {
  instruction: string;
  input: string;
  answer: string;
}

const INDENT = ' '.repeat(16);
const ALONE = 'Below is an instruction that describes a task. Write a response that appropriately completes the request. ';
const WITH_INPUT =
  'Below is an instruction that describes a task, paired with an input that provides further context. Write a response that appropriately completes the request.';
const RESPONSE = '### Response:';

/** The prompt of a row. LLM-Adapters' is a triple-quoted text of their code: every line after the first is indented, the last too. */
export function taskPrompt(form: Form, { instruction, input }: Pick<Question, 'instruction' | 'input'>): string {
  const indent = form === 'smt' ? '' : INDENT;
  const part = (head: string, text: string) => `${indent}${head}\n${indent}${text}`;
  return [
    input ? WITH_INPUT : ALONE,
    part('### Instruction:', instruction),
    ...(input ? [part('### Input:', input)] : []),
    part(RESPONSE, ''),
  ].join('\n\n');
}

/** The longest answer of the scripts, in new tokens. */
export const longestAnswer = ({ group }: Task, form: Form): number => (group === 'math' || form === 'smt' ? 256 : 32);

/** What is read of a model's words: a choice, a number as it stands, a letter; null where there is none. */
export function readAnswer({ words, letters }: Task, form: Form, text: string): string | null {
  if (words) {
    const said = form === 'smt' ? text.toLowerCase() : text.split(RESPONSE)[0];
    return new RegExp(words.join('|')).exec(said)?.[0] ?? null;
  }
  const said = text.split(RESPONSE)[0];
  if (letters) return /[A-E]/.exec(said)?.[0] ?? null;
  return (
    said
      .replaceAll(',', '')
      .match(/-?\d+\.?\d*/g)
      ?.at(-1) ?? null
  );
}

/** Whether what was read is the row's answer; numbers within 0.001. */
export function isRight({ words, letters }: Task, read: string | null, answer: string): boolean {
  if (read === null) return false;
  return words || letters ? read === answer : Math.abs(Number(read) - Number(answer)) <= 0.001;
}

/** Whether a text may be the answer of a row of this task. */
export function mayAnswer({ words, letters }: Task, answer: string): boolean {
  if (words) return words.includes(answer);
  return letters ? /^[A-E]$/.test(answer) : answer.trim() !== '' && Number.isFinite(Number(answer));
}

/** The words that a row lets one choose from: those of the task that its instruction names. */
export function choicesOf({ words = [] }: Task, { instruction }: Pick<Question, 'instruction'>): string[] {
  const text = instruction.toLowerCase();
  return words.filter((word) => text.includes(word));
}

/** An answer as the published rows write it in their outputs. */
export const response = (choice: string) => `the correct answer is ${choice}`;
