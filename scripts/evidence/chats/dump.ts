// The conversations of the tests under every template: what came of each, and as token ids of every tokenizer, for check.py to
// hold against `tokenizers`. Lines of JSON.
// usage: deno run -A scripts/evidence/chats/dump.ts TEMPLATES.json TOKENIZER_FOLDER...
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { assistantSpans, type Turns } from '../../../src/data/chat.ts';
import { encodeSpans } from '../../../src/data/spans.ts';
import { chat } from '../../../src/data/template.ts';
import { loadTokenizer } from '../../../src/data/tokenizer.ts';
import { parseNumbers } from '../../../src/io/json.ts';
import { EOS, type Outcome, outcomeOf, type Talk } from '../../../test/data/turns.ts';

const read = (path: string): any => parseNumbers(readFileSync(path, 'utf8'));
const { named, conversations } = read(join(import.meta.dirname!, '../../../test/data/vectors/conversations.json'));
const [templates, ...folders] = process.argv.slice(2);
const say = (line: unknown) => process.stdout.write(`${JSON.stringify(line)}\n`);

const known: { name: string; turns: Turns }[] = [];
for (const { name, chat_template } of read(templates)) {
  const eos = EOS[name] ?? '</s>';
  const outcomes: Outcome[] = conversations.map((talk: Talk) => outcomeOf(chat_template, named, eos, talk));
  const count = (test: (one: Outcome) => boolean) => outcomes.filter(test).length;
  say({
    kind: 'template',
    name,
    right: count((one) => Array.isArray(one) && one.length === 0),
    raises: count((one) => one === 'raises'),
    refused: count((one) => one === 'refused'),
    wrong: count((one) => Array.isArray(one) && one.length > 0),
  });
  conversations.forEach(({ messages, tools = null }: Talk, i: number) => {
    if (!Array.isArray(outcomes[i])) return;
    const ask = chat(chat_template, { ...named, eos_token: eos });
    known.push({ name, turns: assistantSpans(messages, ask, { eos, extras: { tools } }) });
  });
}

for (const folder of folders) {
  const file = join(folder, 'tokenizer_config.json');
  const tokenizer = loadTokenizer({ json: read(join(folder, 'tokenizer.json')), config: existsSync(file) ? read(file) : {} });
  for (const { name, turns } of known) {
    const row = encodeSpans(
      turns.text,
      turns.spans,
      (text) => tokenizer.encode(text, { special: false }),
      (ids) => tokenizer.decode(ids, { skip_special: false }),
    );
    say({ kind: 'row', folder, name, text: turns.text, spans: turns.spans, ...row });
  }
}
