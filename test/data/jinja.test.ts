// What templates write, held against Python's Jinja as transformers sets it up (vectors/make.py made the vectors).
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { chat, render } from '../../src/data/template.ts';
import { parseNumbers } from '../../src/io/json.ts';
import { describeShared, sharedJson, there } from './shared.ts';
import { EOS, type Outcome, outcomeOf, type Talk } from './turns.ts';

const vectors = (name: string) => parseNumbers(readFileSync(join(import.meta.dirname, 'vectors', name), 'utf8')) as any;
const { values, cases } = vectors('jinja.json') as { values: Record<string, unknown>; cases: [string, string | null][] };

/** What this program refuses though Python's Jinja has it, because its parser does not or nobody was seen to need it. */
const REFUSED = [
  '{{ 1e3 }}',
  '{{ (1,) }}',
  '{{ () }}',
  "{{ t is eq 'text' }}",
  '{{ one is divisibleby 1 }}',
  '{{ cycler(1, 2).next() }}',
  '{{ 9007199254740993 }}',
  "{{ 'abc' | batch(2) | list }}",
];

const rendered = (template: string, names: Record<string, unknown>): string | null => {
  try {
    return render(template, names).text;
  } catch {
    return null;
  }
};

describe('templates over values', () => {
  test(`${cases.length} templates write what Python writes, or raise where it raises`, () => {
    const wrong = cases
      .map(([template, text]) => [template, text, rendered(template, values)])
      .filter(([, text, got]) => text !== got);
    const refused = wrong.filter(([, , got]) => got === null).map(([template]) => template);
    expect(wrong.filter(([, , got]) => got !== null)).toEqual([]);
    expect(refused).toEqual(REFUSED);
  });
});

describeShared('published templates', () => {
  const templates = there ? sharedJson('data/vectors/chat-template/hf-jinja-e2e.json') : [];
  const { named, conversations } = vectors('conversations.json');
  const hashes = vectors('chat.json');

  test.each<[string, any]>(templates.map((one: any) => [one.name, one]))('%s', (name, { chat_template }) => {
    const ask = chat(chat_template, named);
    const got = conversations.flatMap(({ messages, tools = null }: any) =>
      [false, true].map((add) => {
        const asked = add && messages.at(-1).role === 'assistant' ? messages.slice(0, -1) : messages;
        try {
          return createHash('sha256')
            .update(ask(asked, add, { tools }).text)
            .digest('hex')
            .slice(0, 16);
        } catch {
          return null;
        }
      }),
    );
    expect(got).toEqual(hashes[name]);
  });

  // Of the conversations each template takes, what is learned is the answers with their end marks and nothing else. Four refuse
  // some: two write an eos before an answer that is asked for, one classifies, one writes the prompt unasked and a first answer at once.
  const REFUSES: Record<string, number> = {
    blenderbot: 15,
    blenderbot_small: 15,
    'MadeAgents/Hammer2.1': 1,
    'meta-llama/Llama-Guard-3-11B-Vision': 10,
  };
  test.each<[string, any]>(templates.map((one: any) => [one.name, one]))('%s: what is learned', (name, { chat_template }) => {
    const outcomes = conversations.map((talk: Talk) => outcomeOf(chat_template, named, EOS[name] ?? '</s>', talk));
    expect(outcomes.filter((one: Outcome) => Array.isArray(one) && one.length > 0)).toEqual([]);
    expect(outcomes.filter((one: Outcome) => one === 'refused')).toHaveLength(REFUSES[name] ?? 0);
    // a template that raises does so in Python too: every second hash is of the conversation as it stands
    const raised = hashes[name].filter((hash: string | null, i: number) => i % 2 === 0 && hash === null);
    expect(outcomes.filter((one: Outcome) => one === 'raises')).toHaveLength(raised.length);
  });
});
