// What may be asked, field by field, as OpenAI's API has it. What would change an answer and is not done here is refused by name; a
// field that nobody knows is refused too, so that nothing asked for is left out silently.

import * as v from 'valibot';
import { MOST_TOLD } from '../../parts.ts';
import { refusal } from './refusal.ts';

/** Most answers and texts of one request: prompts times n. */
export const MOST_CHOICES = 512;

const number = (least: number, most: number) => {
  const words = `expected a number from ${least} to ${most}`;
  return v.pipe(v.number(words), v.minValue(least, words), v.maxValue(most, words));
};
const whole = (least: number, most: number) => {
  const words = `expected a whole number from ${least} to ${most}`;
  return v.pipe(v.number(words), v.integer(words), v.minValue(least, words), v.maxValue(most, words));
};
const SAFE = Number.MAX_SAFE_INTEGER;
const text = v.string('expected a text');
const flag = v.boolean('expected true or false');
/** A field that may be left out or null; without a value of its own then, it is either. */
const or = v.nullish;
/** A field whose values but these ask for what is not done here. */
const only = (allowed: (value: any) => boolean, words: string) => v.nullish(v.pipe(v.unknown(), v.check(allowed, words)));

const stop = v.pipe(
  text,
  v.minLength(1, 'expected a text that is not empty'),
  v.maxLength(1000, 'expected at most 1000 characters'),
);
const zero = only((x) => x === 0, 'expected 0: penalties are not made here');
const ignored = v.optional(v.unknown());
const empty = (x: any) => typeof x === 'object' && Object.keys(x).length === 0;

/** Fields of both kinds of request. */
const COMMON = {
  model: or(text),
  temperature: or(number(0, 100), 1),
  top_p: or(
    v.pipe(
      number(0, 1),
      v.check((x) => x > 0, 'expected a number above 0'),
    ),
    1,
  ),
  n: or(whole(1, 128), 1),
  stop: or(v.union([stop, v.pipe(v.array(stop), v.maxLength(16))], 'expected a text, or up to 16 in a list'), []),
  seed: or(whole(-SAFE, SAFE)),
  stream: or(flag, false),
  stream_options: or(v.strictObject({ include_usage: or(flag, false) }), {}),
  frequency_penalty: zero,
  presence_penalty: zero,
  logit_bias: only(empty, 'expected none: it is not done here'),
  // what changes no answer
  user: ignored,
  metadata: ignored,
  store: ignored,
  service_tier: ignored,
  safety_identifier: ignored,
  prompt_cache_key: ignored,
};

const prompt = v.pipe(
  v.unknown(),
  v.transform((given) => promptsIn(given)),
  v.custom<Prompt[]>((prompts) => prompts !== null, 'expected a text, texts, token ids, or lists of token ids'),
);

export type Prompt = string | number[];

/** A text, texts, ids, or lists of ids, as a list of prompts; null where it is none of them. */
function promptsIn(given: unknown): Prompt[] | null {
  const ids = (x: unknown): x is number[] => Array.isArray(x) && x.length > 0 && x.every((id) => Number.isSafeInteger(id));
  if (typeof given === 'string') return [given];
  if (ids(given)) return [given];
  const all = (one: (x: unknown) => boolean) => Array.isArray(given) && given.length > 0 && given.every(one);
  return all((x) => typeof x === 'string') || all(ids) ? (given as Prompt[]) : null;
}

export const COMPLETION = v.strictObject({
  ...COMMON,
  prompt,
  max_tokens: or(whole(0, SAFE), 16),
  echo: or(flag, false),
  logprobs: or(whole(0, MOST_TOLD.prompt)),
  best_of: only((x) => x === 1, 'expected 1, or n alone: the best of several is not looked for here'),
  suffix: only((x) => x === '', 'expected none: nothing is put in the middle here'),
});

const message = v.looseObject({ role: text });

export const CHAT = v.strictObject({
  ...COMMON,
  messages: v.pipe(v.array(message, 'expected a list of messages'), v.minLength(1, 'expected at least one message')),
  max_tokens: or(whole(1, SAFE)),
  max_completion_tokens: or(whole(1, SAFE)),
  logprobs: or(flag, false),
  top_logprobs: or(whole(0, MOST_TOLD.answer), 0),
  chat_template_kwargs: or(v.record(v.string(), v.unknown())),
  response_format: only((x) => x?.type === 'text', 'expected {"type": "text"}: answers are held to no other form here'),
  tools: only((x) => Array.isArray(x) && x.length === 0, 'expected none: tools are not called here'),
  tool_choice: only((x) => x === 'none' || x === 'auto', 'expected none: tools are not called here'),
});

export const TOKENIZE = v.strictObject({ model: or(text), prompt: text, add_special_tokens: or(flag, true) });

const id = whole(0, 2 ** 31 - 1);
export const DETOKENIZE = v.strictObject({ model: or(text), tokens: v.array(id, 'expected a list of token ids') });

export type Completion = v.InferOutput<typeof COMPLETION>;
export type Chat = v.InferOutput<typeof CHAT>;

/** The body of a request held to its schema; refused with the first fault, by the name of its field. */
export function requested<S extends v.GenericSchema>(schema: S, body: string): v.InferOutput<S> {
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch (e) {
    throw refusal(400, `expected a body of JSON, got what is none (${(e as Error).message}); write {"model": ..., ...}`);
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw refusal(400, `expected a body of one JSON object, got ${body.slice(0, 80)}; write {"model": ..., ...}`);
  const read = v.safeParse(schema, json, { abortEarly: true });
  if (read.success) return read.output;
  const [issue] = read.issues;
  const param = issue.path?.map((part: { key: unknown }) => String(part.key)).join('.') ?? null;
  if (issue.type === 'strict_object' && issue.expected === 'never')
    throw refusal(400, `expected no field "${param}", which is not known here; leave it out`, {
      param,
      code: 'unknown_parameter',
    });
  if (issue.input === undefined) throw refusal(400, `${param}: expected a value, got none; give it`, { param });
  const got = JSON.stringify(issue.input).slice(0, 80);
  const wanted = /^expected /.test(issue.message) ? issue.message : `expected ${issue.expected}`;
  throw refusal(400, `${param ?? 'the body'}: ${wanted}, got ${got}; correct it`, { param });
}
