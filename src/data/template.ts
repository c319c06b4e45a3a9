/**
 * Templates that turn a row's fields into the text a model reads: Alpaca's published one, and a model's own chat template
 * (Jinja, run with Python's values: jinja/). Which part of a conversation is learned is chat.ts.
 */

import { setting } from '../setting.ts';
import { dateText } from './jinja/date.ts';
import type { Scope } from './jinja/expressions.ts';
import { MAX_STEPS, mostWritten } from './jinja/limits.ts';
import { statementsOf } from './jinja/parse.ts';
import { run } from './jinja/statements.ts';
import { type Callable, fromJson, isUndefined, type Kw, str, type Value } from './jinja/values.ts';

/** A message as a template sees it; content may be a text, parts, null, or absent beside tool calls. */
export interface Message {
  role: string;
  content?: unknown;
  [field: string]: unknown;
}

/** Alpaca's prompt for an instruction, with or without an input; the response follows it directly. */
export function alpaca(instruction: string, input = ''): string {
  return input === ''
    ? `Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n### Instruction:\n${instruction}\n\n### Response:`
    : `Below is an instruction that describes a task, paired with an input that provides further context. Write a response that appropriately completes the request.\n\n### Instruction:\n${instruction}\n\n### Input:\n${input}\n\n### Response:`;
}

/** A rendered conversation, and where its {% generation %} blocks lie (characters). */
export interface Rendered {
  text: string;
  generated: { from: number; to: number }[];
}

/** The day that a template's strftime_now sees where none is given: the same rows every day. */
export const DATE = '2024-07-26';

/** Renders a chat template (Jinja) with the names that transformers gives it; throws with the template's own complaint. */
export function render(template: string, names: Record<string, unknown>, date = DATE): Rendered {
  let [length, most] = [0, 0];
  try {
    most = mostWritten(charactersIn(names));
    const scope: Scope = { names: builtIns(date), budget: { left: MAX_STEPS } };
    for (const [name, value] of Object.entries(names)) if (value !== undefined) scope.names.set(name, fromJson(value));
    let text = '';
    const generated: Rendered['generated'] = [];
    const write = (part: string) => {
      length += part.length;
      if (length > most) throw new Error('too long');
      text += part;
    };
    const generation = (opens: boolean) => {
      if (opens) generated.push({ from: text.length, to: text.length });
      else if (generated.length > 0) generated[generated.length - 1].to = text.length;
    };
    run(statementsOf(template), scope, { write, generation });
    return { text, generated };
  } catch (error) {
    if (length > most)
      throw new Error(
        `expected the model's chat template to write at most ${most} characters of this conversation, got more; ` +
          `it repeats itself: give another template with ${setting('template')} FILE`,
      );
    throw new Error(
      `expected the model's chat template to accept the conversation, got "${faultOf(error)}"; ` +
        `change the roles or their order, or give another template with ${setting('template')} FILE`,
    );
  }
}

/** Characters of all texts within a value. */
function charactersIn(value: unknown): number {
  if (typeof value === 'string') return value.length;
  if (typeof value !== 'object' || value === null) return 0;
  return Object.values(value).reduce<number>((sum, part) => sum + charactersIn(part), 0);
}

/** What went wrong, in words: the parser and the stack have none for a template that is cut short or nested without end. */
function faultOf(error: unknown): string {
  if (error instanceof RangeError) return 'the template is nested too deeply';
  if (error instanceof TypeError) return 'the template ends in the middle of a statement, or is no template';
  return (error as Error).message;
}

/** What a row gives a template beside its messages. */
export type Extras = Record<string, unknown>;

/** A conversation rendered, with the start of an assistant turn at its end where generation is asked for. */
export type Chat = (messages: Message[], add_generation_prompt: boolean, extras?: Extras) => Rendered;

/** A chat template with the model's named tokens; date (YYYY-MM-DD): what its strftime_now sees. */
export function chat(template: string, named: Record<string, string>, date = DATE): Chat {
  const fixed = { ...named, tools: null, documents: null };
  return (messages, add_generation_prompt, extras = {}) =>
    render(template, { ...fixed, ...extras, messages, add_generation_prompt }, date);
}

function builtIns(date: string): Map<string, Value> {
  const call = (f: (args: Value[], kw: Kw) => Value): Callable => ({ call: f });
  return new Map<string, Value>([
    [
      'raise_exception',
      call(([message]) => {
        throw new Error(isUndefined(message) ? message.undefined : str(message));
      }),
    ],
    ['strftime_now', call(([format]) => dateText(str(format), date))],
    ['namespace', call((args, kw) => ({ namespace: new Map([...entriesOf(args[0]), ...kw]) }))],
    ['dict', call((args, kw) => new Map<Value, Value>([...entriesOf(args[0]), ...kw]))],
    ['range', call(range)],
  ]);
}

const entriesOf = (v: Value | undefined): [string, Value][] => (v instanceof Map ? ([...v] as [string, Value][]) : []);

function range(args: Value[]): Value {
  const numbers = args.map(Number);
  const [from, to, step] = args.length === 1 ? [0, numbers[0], 1] : [numbers[0], numbers[1], numbers[2] ?? 1];
  const n = Math.max(0, Math.ceil((to - from) / step));
  if (!(n <= 100_000)) throw new Error('Range too big. The sandbox blocks ranges larger than MAX_RANGE (100000).');
  return {
    view: `range(${from}, ${to}${step === 1 ? '' : `, ${step}`})`,
    items: Array.from({ length: n }, (_, i) => BigInt(from + i * step)),
  };
}
