// What templates write, held against Python's Jinja as transformers sets it up (vectors/make.py made the vectors).
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { chat, render } from '../../src/data/template.ts';
import { parseJson } from './lossless.ts';
import { describeShared, sharedJson, there } from './shared.ts';

const vectors = (name: string) => parseJson(readFileSync(join(import.meta.dirname, 'vectors', name), 'utf8')) as any;
const { values, cases } = vectors('jinja.json') as { values: Record<string, unknown>; cases: [string, string | null][] };

/** What this program refuses though Python's Jinja has it: never another text. */
const rendered = (template: string, names: Record<string, unknown>): string | null => {
  try {
    return render(template, names).text;
  } catch {
    return null;
  }
};

describe('templates over values', () => {
  test(`${cases.length} templates write what Python writes, or raise where it raises`, () => {
    const wrong = cases.map(([template, text]) => [template, text, rendered(template, values)]).filter(([, text, got]) => text !== got);
    const refused = wrong.filter(([, , got]) => got === null).map(([template]) => template);
    expect(wrong.filter(([, , got]) => got !== null)).toEqual([]);
    expect(refused).toEqual([]);
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
          return createHash('sha256').update(ask(asked, add, { tools }).text).digest('hex').slice(0, 16);
        } catch {
          return null;
        }
      }),
    );
    expect(got).toEqual(hashes[name]);
  });
});
