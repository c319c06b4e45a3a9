// The conversations under every template and tokenizer as this program makes them, for check.py to hold against `tokenizers`.
// usage: deno run -A test/data/vectors/dump.ts TEMPLATES.json TOKENIZER_FOLDER... > turns.jsonl
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { assistantSpans } from '../../../src/data/chat.ts';
import { encodeSpans } from '../../../src/data/spans.ts';
import { chat } from '../../../src/data/template.ts';
import { loadTokenizer } from '../../../src/data/tokenizer.ts';
import { parseNumbers } from '../../../src/io/json.ts';
import { EOS } from '../turns.ts';

const read = (path: string): any => parseNumbers(readFileSync(path, 'utf8'));
const { named, conversations } = read(join(import.meta.dirname, 'conversations.json'));
const [templates, ...folders] = process.argv.slice(2);

for (const folder of folders) {
  const file = join(folder, 'tokenizer_config.json');
  const tokenizer = loadTokenizer({ json: read(join(folder, 'tokenizer.json')), config: existsSync(file) ? read(file) : {} });
  for (const { name, chat_template } of read(templates))
    for (const { messages, tools = null } of conversations) {
      const eos = EOS[name] ?? '</s>';
      let turns: ReturnType<typeof assistantSpans>;
      try {
        turns = assistantSpans(messages, chat(chat_template, { ...named, eos_token: eos }), { eos, extras: { tools } });
      } catch {
        continue; // counted by jinja.test.ts
      }
      const row = encodeSpans(
        turns.text,
        turns.spans,
        (text) => tokenizer.encode(text, { special: false }),
        (ids) => tokenizer.decode(ids, { skip_special: false }),
      );
      process.stdout.write(`${JSON.stringify({ folder, name, text: turns.text, spans: turns.spans, ...row })}\n`);
    }
}
