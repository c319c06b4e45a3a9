/**
 * A row as a conversation: its messages in the one form that chat templates read, and what else of the row a template is
 * given (tools, documents). Which tokens that makes is rows.ts.
 */

import { setting } from '../setting.ts';
import { type DataRecord, type Fields, nameOf } from './columns.ts';
import type { Extras, Message } from './template.ts';

/** What becomes of a row's fields, for those who count: columns that were used, and names of what was not. */
export interface Notes {
  used(column: string): void;
  unused(what: string): void;
}

export interface Conversation {
  messages: Message[];
  extras: Extras;
}

const SHAREGPT: Record<string, string> = {
  human: 'user',
  gpt: 'assistant',
  chatgpt: 'assistant',
  bot: 'assistant',
  model: 'assistant',
  function_call: 'assistant',
  function_response: 'tool',
  observation: 'tool',
};

/** The conversation of a row of messages, as far as `template` (its text) reads it; throws where a message is none. */
export function conversationOf(
  fields: Extract<Fields, { kind: 'messages' }>,
  record: DataRecord,
  template: string,
  notes?: Notes,
): Conversation {
  const list = fields.messages;
  if (!Array.isArray(list) || list.length === 0)
    throw new Error(
      `expected a list of messages, got ${Array.isArray(list) ? 'an empty one' : nameOf(list)}; write [{"role": "user", "content": "..."}, ...]`,
    );
  const reads = readerOf(template);
  const messages = list.map((message, i) => messageOf(message, i, fields.sharegpt, reads, readsParts(template)));
  const extras: Extras = {};
  const { system, documents, chat_template_kwargs: more } = record;
  if (typeof system === 'string' && system !== '' && messages[0].role !== 'system') {
    messages.unshift({ role: 'system', content: system });
    notes?.used('system');
  }
  if (isObject(more)) {
    Object.assign(extras, more);
    notes?.used('chat_template_kwargs');
  }
  const tools = toolsOf(record, messages);
  if (tools && reads('tools')) {
    extras.tools = tools.list;
    notes?.used(tools.column);
  }
  if (Array.isArray(documents) && reads('documents')) {
    extras.documents = documents;
    notes?.used('documents');
  }
  const thinks = REASONING.some(reads);
  for (const message of messages)
    for (const [name, value] of Object.entries(message))
      if (
        !['role', 'content', 'weight', 'tools'].includes(name) &&
        !(SWITCHES.includes(name) && typeof value === 'boolean') &&
        said(value) &&
        !reads(name) &&
        !(thinks && REASONING.includes(name))
      )
        notes?.unused(`${name} of messages`);
  return { messages, extras };
}

/** Names of what says true or false of a message: whether it is learned. */
export const SWITCHES = ['train', 'training'];

/** Whether a message is learned where it is the assistant's. */
export const isLearned = (message: Message) =>
  Number(message.weight ?? 1) !== 0 && !SWITCHES.some((name) => message[name] === false);

/** The conversation of a question and its answer, where there is one: with the row's system text and the turns before, if any. */
export function questionOf(question: string, answer: string | undefined, record: DataRecord, notes?: Notes): Conversation {
  const messages: Message[] = [{ role: 'user', content: question }];
  const { system, history } = record;
  if (
    Array.isArray(history) &&
    history.every((pair) => Array.isArray(pair) && pair.length === 2 && pair.every((v) => typeof v === 'string'))
  ) {
    messages.unshift(
      ...history.flatMap(([q, a]) => [
        { role: 'user', content: q },
        { role: 'assistant', content: a },
      ]),
    );
    notes?.used('history');
  }
  if (typeof system === 'string' && system !== '') {
    messages.unshift({ role: 'system', content: system });
    notes?.used('system');
  }
  if (answer !== undefined) messages.push({ role: 'assistant', content: answer });
  return { messages, extras: {} };
}

/**
 * The messages of a prompt and a completion that are lists of them (TRL's conversational form): of the prompt's nothing is learned. Throws
 * where the prompt does not end with what is to be answered.
 */
export function joinedTalk(prompt: unknown[], completion: unknown): unknown[] {
  const messages = prompt.map((m) => (isObject(m) ? { ...m, weight: 0 } : m));
  const last: any = prompt.at(-1);
  if (last?.role === 'assistant')
    throw new Error(
      'expected a prompt of messages to end with what is to be answered, got one that ends with the assistant; move that into completion',
    );
  if (completion === undefined) return messages;
  if (!Array.isArray(completion) || completion.length === 0)
    throw new Error(
      `expected completion to be a list of messages, as its prompt is, got ${Array.isArray(completion) ? 'an empty one' : nameOf(completion)}; ` +
        'write [{"role": "assistant", "content": "..."}]',
    );
  return [...messages, ...completion];
}

/** Names that a message's reasoning goes by: a template is given it by those it may read, as in transformers. */
const REASONING = ['reasoning_content', 'thinking', 'reasoning'];

function withReasoning(message: Record<string, unknown>): Record<string, unknown> {
  const name = REASONING.find((one) => message[one] !== undefined && message[one] !== null);
  return name === undefined ? message : { thinking: message[name], ...message, reasoning_content: message[name] };
}

/** Whether a value says anything. */
export const said = (v: unknown) => v !== undefined && v !== null && v !== '' && !(Array.isArray(v) && v.length === 0);

const isObject = (v: unknown): v is Record<string, unknown> => v !== null && typeof v === 'object' && !Array.isArray(v);

/** Whether a template's text names a field; one that writes whole messages reads them all. */
function readerOf(template: string): (name: string) => boolean {
  const whole = /\bmess?ages?\s*\|\s*(tojson|string|items)|\bmsg\s*\|\s*(tojson|string|items)/.test(template);
  return (name) => whole || new RegExp(`(?<![\\w$])${name.replace(/[^\w]/g, '\\$&')}(?![\\w$])`).test(template);
}

function messageOf(message: any, i: number, sharegpt: boolean, reads: (name: string) => boolean, parts: boolean): Message {
  const named = message?.role ?? message?.from;
  const role = sharegpt ? (SHAREGPT[named] ?? named) : named;
  const given = message?.content ?? message?.value;
  // beside tool calls a content may be null, or not there at all; the template is given it as it is
  const calls = said(message?.tool_calls) || said(message?.function_call);
  const bare = given === undefined || given === null;
  if (typeof role !== 'string' || role === '' || (bare ? !calls : textOf(given) === undefined))
    throw new Error(
      `expected message ${i + 1} to have a role and a text, got role ${nameOf(named)} and ${nameOf(given)}; ` +
        (sharegpt ? 'write {"from": "human", "value": "..."}' : 'write {"role": "user", "content": "..."}'),
    );
  if (bare && !reads('tool_calls') && !reads('function_call'))
    throw new Error(
      `expected a chat template that writes tool_calls for message ${i + 1}, which has them and no text, got one that does not; give another with ${setting('template')} FILE`,
    );
  const weight = message.weight ?? 1;
  if (Number(weight) !== 0 && Number(weight) !== 1)
    throw new Error(
      `expected the weight of message ${i + 1} to be 0 (not learned) or 1, got ${JSON.stringify(weight)}; write one of them`,
    );
  const content = bare || parts ? given : textOf(given);
  // field by field, because a template may write a message whole
  const entries = Object.entries(message).map(([name, value]): [string, unknown] => {
    if (name === 'role' || (name === 'from' && message.role === undefined)) return ['role', role];
    return name === 'content' || (name === 'value' && message.content === undefined) ? ['content', content] : [name, value];
  });
  return withReasoning(Object.fromEntries(entries)) as Message;
}

/** Whether a template looks for the text of a content's parts; else it is given their text as one. */
const readsParts = (template: string) => /==\s*['"]text['"]|\.text\b|\[['"]text['"]\]/.test(template);

/** The text of a content: a text, or the text parts of a list of parts. */
function textOf(content: any): string | undefined {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content) || content.some((part) => typeof part?.text !== 'string')) return undefined;
  return content.map((part) => part.text).join('');
}

/** Tools that a row offers: its own, or those of a message; a text of JSON is read. */
function toolsOf(record: DataRecord, messages: Message[]): { list: unknown[]; column: string } | undefined {
  const own = said(record.tools);
  const given = own ? record.tools : messages.find(({ tools }) => said(tools))?.tools;
  if (!said(given)) return undefined;
  const fault = (what: string) =>
    new Error(`expected tools to be a list of JSON schemas, got ${what}; write [{"type": "function", "function": {...}}]`);
  const read = (v: unknown): unknown => {
    if (typeof v !== 'string') return v;
    try {
      return JSON.parse(v);
    } catch {
      throw fault('a text that is no JSON');
    }
  };
  const list = read(given);
  if (!Array.isArray(list)) throw fault(nameOf(list));
  return list.length === 0 ? undefined : { list: list.map(read), column: 'tools' };
}
