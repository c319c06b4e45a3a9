// Is every text the same ids as in Rust's tokenizers? Random texts over tokenizers of every kind, every character of Unicode
// through the steps that go by classes, and the same model's GGUF. Needs python3 with the tokenizers wheel. A word: how many texts
// a tokenizer (2000). Writes a table of docs/rows.md.
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { differences, root, written } from './tables/differential.mjs';

export function run([count = '2000']) {
  const shared = resolve(root, process.env.BLOCKTUNE_SHARED ?? '../shared');
  const folders = ['gpt2', 'smollm', 'tinyllama'].map((name) => join(shared, 'data/tokenizers', name));
  folders.push(join(shared, 'data/models/stories260K-hf'));
  const there = folders.filter((folder) => existsSync(join(folder, 'tokenizer.json')));
  const gguf = join(shared, 'data/models/stories260K-gguf/stories260K.gguf');
  const results = differences(
    'scripts/evidence/tokenizers/wheel.py',
    'tokenizers',
    [count, ...there],
    'scripts/evidence/tokenizers/compare.ts',
    existsSync(gguf) ? [gguf] : [],
  );
  return written('tokenizers', results, ['tokenizer', 'texts', 'characters'], (r) => [r.name, r.texts, r.characters]);
}
