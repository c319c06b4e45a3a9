// What is learned of conversations: under published templates (those of the data beside the checkout) each is right, raised by
// the template, or refused; and tokenized, it is what Python's `tokenizers` makes of it. Needs python3 with tokenizers. Writes two
// tables of docs/rows.md. What templates write is held against Python's Jinja by test/data/jinja.test.ts.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { put } from './chats/page.mjs';
import { deno, root } from './tables/differential.mjs';

export function run() {
  const shared = resolve(root, process.env.BLOCKTUNE_SHARED ?? '../shared');
  const templates = join(shared, 'data/vectors/chat-template/hf-jinja-e2e.json');
  if (!existsSync(templates)) throw new Error(`expected templates at ${templates}, got none; set BLOCKTUNE_SHARED`);
  const folders = ['data/tokenizers/gpt2', 'data/tokenizers/smollm', 'data/tokenizers/tinyllama', 'data/models/stories260K-hf'];
  const words = ['scripts/evidence/chats/dump.ts', templates, ...folders.map((folder) => join(shared, folder))];
  const dump = spawnSync(deno, ['run', '-A', '--quiet', ...words], { cwd: root, maxBuffer: 1 << 30 });
  if (dump.status !== 0) throw new Error(`expected the conversations to be made, got: ${dump.stderr}`);
  const check = spawnSync('python3', ['scripts/evidence/chats/check.py'], { cwd: root, input: dump.stdout, maxBuffer: 1 << 30 });
  if (check.status !== 0) throw new Error(`expected python3 with tokenizers to check them, got: ${check.stderr}`);
  const lines = (text) =>
    String(text)
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
  const outcomes = lines(dump.stdout).filter(({ kind }) => kind === 'template');
  const tokenizers = lines(check.stdout);
  const sum = (key) => outcomes.reduce((n, one) => n + one[key], 0);
  const all = { name: 'all', right: sum('right'), raises: sum('raises'), refused: sum('refused'), wrong: sum('wrong') };
  put(
    'templates',
    ['template', 'right', 'raises', 'refused', 'wrong'],
    [all, ...outcomes].map((o) => [o.name, o.right, o.raises, o.refused, o.wrong]),
  );
  put(
    'chats',
    ['tokenizer', 'conversations', 'tokens', 'learned', 'differ'],
    tokenizers.map((t) => [t.name, t.rows, t.tokens, t.learned, t.off.length]),
  );
  return all.wrong > 0 || tokenizers.some(({ off }) => off.length > 0) ? 1 : 0;
}
