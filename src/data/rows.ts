/**
 * What a row becomes: the fields of a record as token ids and labels. A label is the token to be learned at its own
 * place, predicted one place earlier, or -100 where nothing is learned; the first token is never learned.
 * Which column is which is columns.ts, cutting to a length is load.ts.
 */

import { setting } from '../setting.ts';
import { assistantSpans, openTurn } from './chat.ts';
import { columnsOf, type DataRecord, type Fields, hint, nameOf } from './columns.ts';
import { givenIds, NOT_LEARNED } from './given-ids.ts';
import { floatText } from './jinja/values.ts';
import { type Conversation, conversationOf, joinedTalk, type Notes, questionOf, said } from './messages.ts';
import { encodeSpans } from './spans.ts';
import { alpaca, chat } from './template.ts';
import type { Tokenizer } from './tokenizer.ts';

export { NOT_LEARNED };

/** One row [T]: ids, and labels of the same length with -100 where nothing is learned. */
export interface Row {
  ids: Int32Array;
  labels: Int32Array;
  /** Tokens before the first learned one. */
  promptLength: number;
}

export interface RowOptions {
  tokenizer: Tokenizer | null;
  /** Rows of the model's embedding; ids are below it. */
  vocab_size: number;
  learn: 'response' | 'all';
  /** auto: by the kind of row; alpaca, chat, plain: how prompt rows are written; else the text of a chat template. */
  template: 'auto' | 'alpaca' | 'chat' | 'plain' | (string & {});
  /** The day that a chat template sees (YYYY-MM-DD). */
  date?: string;
}

/** Row of a record's fields; throws where a field is empty, not text, or gives no usable tokens. */
export function toRow(fields: Fields, record: DataRecord, options: RowOptions, notes?: Notes): Row {
  const { ids, labels } = parts(fields, record, options, notes);
  return checkedRow(ids, labels, options.vocab_size);
}

/** Token ids that a model is asked to go on from: the row without what it is to learn. */
export function promptOf(fields: Fields, record: DataRecord, options: RowOptions, notes?: Notes): Int32Array {
  const ids = promptIds(fields, record, options, notes);
  if (ids.length === 0) throw new Error('expected a prompt of at least one token, got none; give it some text');
  checkIds(ids, options.vocab_size);
  return Int32Array.from(ids);
}

type Parts = { ids: ArrayLike<number>; labels: ArrayLike<number> };

function parts(fields: Fields, record: DataRecord, options: RowOptions, notes?: Notes): Parts {
  const field = fieldReader(record);
  if (fields.kind === 'ids') return givenIds(fields, record, notes);
  const tokenizer = need(options.tokenizer);
  if (fields.kind === 'text') {
    const ids = withEnd(tokenizer.encode(field('text', fields.text), { special: true }), tokenizer);
    return { ids, labels: ids };
  }
  if (isChat(fields, options)) return turns(fields, record, options, notes);
  const prompt = tokenizer.encode(promptText(fields, record, options), { special: true });
  const response = withEnd(tokenizer.encode(responseText(fields, record), { special: false }), tokenizer);
  const ids = [...prompt, ...response];
  const hidden = new Array(options.learn === 'all' ? 0 : prompt.length).fill(NOT_LEARNED);
  return { ids, labels: [...hidden, ...ids.slice(hidden.length)] };
}

function turns(fields: Fields, record: DataRecord, options: RowOptions, notes?: Notes): Parts {
  const tokenizer = need(options.tokenizer);
  const template = templateOf(record, options);
  const { messages, extras } = talkOf(fields, record, template, true, notes);
  if (!messages.some(({ role }) => role === 'assistant'))
    throw new Error('expected a conversation with an assistant turn to learn, got none; add one or leave the row out');
  const ask = chat(template, tokenizer.named, options.date);
  const { text, spans, unwritten } = assistantSpans(messages, ask, { eos: tokenizer.named.eos_token, extras });
  for (const role of unwritten) notes?.unused(`content of ${role} messages`);
  const { ids, labels } = encodeSpans(
    text,
    spans,
    (part) => tokenizer.encode(part, { special: false }),
    (some) => tokenizer.decode(some, { skip_special: false }),
  );
  return { ids, labels: options.learn === 'all' ? ids : labels };
}

function promptIds(fields: Fields, record: DataRecord, options: RowOptions, notes?: Notes): ArrayLike<number> {
  if (fields.kind === 'ids') {
    const { ids, labels } = givenIds(fields, record, notes);
    if (labels === ids) return ids;
    const first = labels.findIndex((label, i) => i > 0 && label !== NOT_LEARNED);
    return ids.slice(0, first === -1 ? ids.length : first);
  }
  const tokenizer = need(options.tokenizer);
  if (fields.kind === 'text' && !isChat(fields, options)) {
    const ids = tokenizer.encode(fieldReader(record)('text', fields.text), { special: true });
    return ids.at(-1) === tokenizer.eos ? ids.slice(0, -1) : ids;
  }
  if (isChat(fields, options)) {
    const template = templateOf(record, options);
    const { messages, extras } = talkOf(fields, record, template, false, notes);
    return tokenizer.encode(openTurn(messages, chat(template, tokenizer.named, options.date), extras), { special: false });
  }
  return tokenizer.encode(promptText(fields, record, options), { special: true });
}

const OWN = ['auto', 'alpaca', 'chat', 'plain'];

/** The prompt of a row that is a list of messages and not a text. */
const listed = (fields: Fields): unknown[] | undefined =>
  fields.kind === 'prompt' && Array.isArray(fields.prompt) && typeof fields.prompt[0] === 'object' ? fields.prompt : undefined;

/** Whether a row goes through a chat template: messages do, and any row where one is asked for or given. */
const isChat = (fields: Fields, { template }: RowOptions) =>
  fields.kind === 'messages' || listed(fields) !== undefined || template === 'chat' || !OWN.includes(template);

/** The conversation of a row; of a prompt row a question and, where it is answered, its answer. */
function talkOf(fields: Fields, record: DataRecord, template: string, answered: boolean, notes?: Notes): Conversation {
  if (fields.kind === 'messages') return conversationOf(fields, record, template, notes);
  const prompt = listed(fields);
  if (prompt) {
    const { completion } = fields as Extract<Fields, { kind: 'prompt' }>;
    const messages = joinedTalk(prompt, answered ? (completion ?? null) : undefined);
    return conversationOf({ kind: 'messages', messages, sharegpt: false }, record, template, notes);
  }
  const question = plainText(asked(fields, record));
  return questionOf(question, answered ? responseText(fields, record) : undefined, record, notes);
}

// --- fields as text ---------------------------------------------------------------------------------------------------

function promptText(fields: Fields, record: DataRecord, { template }: RowOptions): string {
  const all = asked(fields, record);
  const instructed = template === 'alpaca' || (template !== 'plain' && fields.kind === 'alpaca');
  return instructed ? alpaca(all.instruction, all.input) : plainText(all);
}

interface Asked {
  instruction: string;
  input: string;
  /** A context stands before the question about it; an instruction before its input. */
  before: boolean;
}

function plainText({ instruction, input, before }: Asked): string {
  if (input === '') return instruction;
  return before ? `${input}\n${instruction}` : `${instruction}\n${input}`;
}

function asked(fields: Fields, record: DataRecord): Asked {
  const field = fieldReader(record);
  if (fields.kind === 'alpaca') {
    const none = fields.input === undefined || fields.input === null || fields.input === '';
    return {
      instruction: field('instruction', fields.instruction),
      input: none ? '' : field('input', fields.input),
      before: false,
    };
  }
  if (fields.kind === 'prompt') {
    const input = typeof fields.context === 'string' ? fields.context : '';
    return { instruction: fields.prompt === '' ? '' : field('prompt', fields.prompt), input, before: true };
  }
  return { instruction: field('text', (fields as { text: unknown }).text), input: '', before: false };
}

function responseText(fields: Fields, record: DataRecord): string {
  const field = fieldReader(record);
  if (fields.kind === 'alpaca') return field('output', fields.output);
  const { completion, derived } = fields as Extract<Fields, { kind: 'prompt' }>;
  // A class is often a number; a completion that calls itself so is text.
  if (derived && (Number.isFinite(completion) || typeof completion === 'bigint')) return String(completion);
  return field('completion', derived && completion instanceof Number ? floatText(completion.valueOf()) : completion);
}

/** Reads a field as text that is not empty. */
function fieldReader(record: DataRecord): (name: string, value: unknown) => string {
  return (name, value) => {
    if (typeof value === 'string' && value !== '') return value;
    const cure =
      value === undefined
        ? `${hint(record)} (it has ${columnsOf(record)})`
        : `write a text there, or leave such rows out with ${setting('skipBadRows')}`;
    throw new Error(`expected ${name} to be a text, got ${nameOf(value)}; ${cure}`);
  };
}

// --- tokens -----------------------------------------------------------------------------------------------------------

function checkedRow(ids: ArrayLike<number>, labels: ArrayLike<number>, vocab_size: number): Row {
  if (ids.length === 0) throw new Error('expected a row of at least one token, got none; leave it out');
  checkIds(ids, vocab_size);
  for (let i = 0; i < labels.length; i++)
    if (labels[i] !== NOT_LEARNED && (labels[i] < 0 || labels[i] >= vocab_size))
      throw new Error(
        `expected labels of -100 or from 0 to ${vocab_size - 1}, got ${labels[i]} at place ${i}; the row is of another tokenizer or model`,
      );
  const row = { ids: Int32Array.from(ids), labels: Int32Array.from(labels), promptLength: ids.length };
  row.labels[0] = NOT_LEARNED;
  const first = row.labels.findIndex((label) => label !== NOT_LEARNED);
  if (first !== -1) row.promptLength = first;
  return row;
}

function checkIds(ids: ArrayLike<number>, vocab_size: number): void {
  for (let i = 0; i < ids.length; i++)
    if (!(ids[i] >= 0 && ids[i] < vocab_size))
      throw new Error(
        `expected token ids from 0 to ${vocab_size - 1}, got ${ids[i]} at place ${i}; the row is of another tokenizer or model`,
      );
}

function withEnd(ids: number[], tokenizer: Tokenizer): number[] {
  if (tokenizer.eos === null)
    throw new Error(
      'expected the tokenizer to name an eos_token to end a row with, got none; add eos_token to tokenizer_config.json',
    );
  return ids.at(-1) === tokenizer.eos ? ids : [...ids, tokenizer.eos];
}

function need(tokenizer: Tokenizer | null): Tokenizer {
  if (tokenizer === null)
    throw new Error(
      'expected a tokenizer to read text rows with, got a model without one; put tokenizer.json beside it, or give rows of input_ids',
    );
  return tokenizer;
}

/** The text of the chat template that the options or the model's files name; some have another where tools are offered. */
function templateOf(record: DataRecord, options: RowOptions): string {
  const { chatTemplate, toolTemplate } = need(options.tokenizer);
  const own = said(record.tools) ? (toolTemplate ?? chatTemplate) : chatTemplate;
  const template = OWN.includes(options.template) ? own : options.template;
  if (template === undefined)
    throw new Error(
      `expected the model to have a chat template for a conversation, got none; give one with ${setting('template')} FILE, or rows of prompt and completion`,
    );
  return template;
}
